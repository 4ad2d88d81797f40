//! The grammar of names that appear in URLs and file paths.

/// Longest model name, in bytes.
pub const MODEL_NAME_BYTES_MAX: usize = 63;

/// Whether `name` may be a model's name: 1 to 63 of `a-z 0-9 - _ .`, beginning and ending with a letter or a digit.
#[must_use]
pub fn is_model(name: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_' | b'.');
    let outer = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = name.as_bytes();
    (1..=MODEL_NAME_BYTES_MAX).contains(&bytes.len())
        && bytes.iter().copied().all(inner)
        && bytes.first().is_some_and(outer)
        && bytes.last().is_some_and(outer)
        // A dot segment could not be told from a parent folder by every server.
        && !name.contains("..")
}

/// Whether `version` may be a model's version: a positive decimal number of at most nine digits, as Triton has it.
#[must_use]
pub fn is_version(version: &str) -> bool {
    (1..=9).contains(&version.len())
        && version.bytes().all(|c| c.is_ascii_digit())
        && !version.starts_with('0')
}
