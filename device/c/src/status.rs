//! How a call ends, and the words about it.

use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::buffer;

/// How a call ended. That no answer came in time is no failure of the call: see `longshore_outcome`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It did what was asked.
    Ok = 0,
    /// An argument is NULL, out of its range or no UTF-8. Nothing was done.
    InvalidArgument = 1,
    /// A buffer is too short. What it needs was told, and what fits was written.
    ShortBuffer = 2,
    /// A model, policy or TLS file cannot be used.
    BadConfiguration = 3,
    /// The library failed. Please report it.
    Internal = 4,
}

/// Why a call fails.
pub(crate) struct Failure {
    pub(crate) status: Status,
    text: String,
}

impl Failure {
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self { status: Status::InvalidArgument, text: text.into() }
    }

    pub(crate) fn configuration(text: impl Into<String>) -> Self {
        Self { status: Status::BadConfiguration, text: text.into() }
    }

    pub(crate) fn internal(text: impl Into<String>) -> Self {
        Self { status: Status::Internal, text: text.into() }
    }

    pub(crate) fn short() -> Self {
        Self { status: Status::ShortBuffer, text: "a buffer is too short".into() }
    }
}

/// Where a caller wants words: a buffer that may be NULL.
pub(crate) struct Words {
    pub(crate) buffer: *mut c_char,
    pub(crate) capacity: usize,
}

impl Words {
    pub(crate) const NONE: Self = Self { buffer: std::ptr::null_mut(), capacity: 0 };
}

/// Makes a status of what a call does, whatever it does.
///
/// # Safety
/// `words` is a buffer of that capacity, or NULL.
pub(crate) unsafe fn call(words: Words, work: impl FnOnce() -> Result<(), Failure>) -> Status {
    let done = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Failure::internal("the library stopped at an assertion")));
    let (status, text) = match done {
        Ok(()) => (Status::Ok, String::new()),
        Err(failure) => (failure.status, failure.text),
    };
    // SAFETY: the caller's promise about `words`.
    unsafe { buffer::put_text(&text, words.buffer, words.capacity) };
    status
}
