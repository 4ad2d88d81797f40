//! Base64 with padding, for header lines whose names end with `-bin`.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text of some bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    bytes.chunks(3).flat_map(quartet).collect()
}

fn quartet(bytes: &[u8]) -> [char; 4] {
    let byte = |index: usize| u32::from(bytes.get(index).copied().unwrap_or_default());
    let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    let letter = |index: usize| {
        let six = bits >> (18 - 6 * index) & 0x3f;
        if index > bytes.len() { '=' } else { char::from(LETTERS[six as usize]) }
    };
    [letter(0), letter(1), letter(2), letter(3)]
}
