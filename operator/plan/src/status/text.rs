//! Words in messages. They stand still while nothing changes: a message that counts seconds or quotes a counter would be
//! a write each time.

/// Longest part of somebody else's text in a message, in characters.
const QUOTE_CHARS_MAX: usize = 300;
/// Names in a message before the rest is a number.
const LISTED_MAX: usize = 3;

/// `a, b, c and 4 more`.
pub fn listed<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = all.into_iter().collect();
    let shown = all[..all.len().min(LISTED_MAX)].join(", ");
    match all.len().saturating_sub(LISTED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Somebody else's text on one line, not too long.
pub fn quote(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(QUOTE_CHARS_MAX).collect()
}

/// A number as the API has it.
pub fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
