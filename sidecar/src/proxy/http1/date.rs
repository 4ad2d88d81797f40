//! `Date`, which changes once a second.

use std::{
    cell::RefCell,
    time::{Duration, UNIX_EPOCH},
};

thread_local! {
    static LAST: RefCell<(u64, String)> = RefCell::default();
}

/// Appends the time since 1970 as RFC 9110, 5.6.7 has it.
pub fn append(to: &mut Vec<u8>, now: Duration) {
    LAST.with_borrow_mut(|(second, text)| {
        if *second != now.as_secs() || text.is_empty() {
            *second = now.as_secs();
            *text = httpdate::fmt_http_date(UNIX_EPOCH + now);
        }
        to.extend_from_slice(text.as_bytes());
    });
}
