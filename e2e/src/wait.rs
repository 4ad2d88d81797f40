//! Waiting for a condition, with a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

const POLL: Duration = Duration::from_millis(250);

/// Asks again and again until `check` has a value. An error counts as "not yet" and is named when time is up.
///
/// # Errors
/// When `limit` passes first; the message says what was waited for and what was seen last.
pub fn until<T>(what: &str, limit: Duration, mut check: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let last = match check() {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => "not yet".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        if deadline <= Instant::now() {
            bail!("waited {} s for {what}; last: {last}", limit.as_secs());
        }
        thread::sleep(POLL);
    }
}

/// Like [`until`], for a plain yes or no.
///
/// # Errors
/// When `limit` passes first.
pub fn until_true(what: &str, limit: Duration, mut check: impl FnMut() -> Result<bool>) -> Result<()> {
    until(what, limit, || Ok(check()?.then_some(())))
}

/// Checks that something stays true for a while.
///
/// # Errors
/// When it turns false or cannot be asked.
pub fn holds(what: &str, time: Duration, mut check: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + time;
    while Instant::now() < deadline {
        if !check()? {
            bail!("{what} did not hold");
        }
        thread::sleep(POLL);
    }
    Ok(())
}
