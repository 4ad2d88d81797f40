//! The border itself: every pointer of a caller is read and written here.

use std::ffi::{CStr, c_char};
use std::{ptr, slice};

use crate::status::Failure;

/// What a pointer leads to.
///
/// # Safety
/// `pointer` is NULL or leads to a `T` that nobody changes while the reference lives.
pub(crate) unsafe fn get<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Failure> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

/// A place to write to.
///
/// # Safety
/// `pointer` is NULL or leads to a `T` that nobody else uses while the reference lives.
pub(crate) unsafe fn get_mut<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T, Failure> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(name))
}

/// The elements of an array. NULL is an empty one.
///
/// # Safety
/// `pointer` is NULL or leads to `length` elements that nobody changes while the slice lives.
pub(crate) unsafe fn array<'a, T>(
    pointer: *const T,
    length: usize,
    max: usize,
    name: &str,
) -> Result<&'a [T], Failure> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    if max < length {
        return Err(Failure::invalid(format!("{name} has {length} elements: at most {max} are taken")));
    }
    // SAFETY: the caller's promise; `max` keeps the length far below what memory can hold.
    Ok(unsafe { slice::from_raw_parts(pointer, length) })
}

/// Text, or nothing where the pointer is NULL.
///
/// # Safety
/// `pointer` is NULL or leads to text that ends in NUL and that nobody changes while the reference lives.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not NULL; the rest is the caller's promise.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|_| Failure::invalid(format!("{name} is not UTF-8")))
}

/// Text that must be there.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn some_text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str, Failure> {
    // SAFETY: the caller's promise.
    unsafe { text(pointer, name) }?.ok_or_else(|| null(name))
}

/// Writes text and its NUL, cut off between two characters where the buffer is too short for it. Whether it fitted.
///
/// # Safety
/// `buffer` is NULL or has room for `capacity` bytes.
pub(crate) unsafe fn put_text(text: &str, buffer: *mut c_char, capacity: usize) -> bool {
    if buffer.is_null() || capacity == 0 {
        return false;
    }
    let length = text.floor_char_boundary(capacity - 1);
    // SAFETY: `length` is below `capacity`, and text of ours does not lie in the caller's buffer.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), length);
        buffer.add(length).write(0);
    }
    length == text.len()
}

/// Writes all values, or none where the buffer is too short. Whether they fitted.
///
/// # Safety
/// `buffer` is NULL or has room for `capacity` values.
pub(crate) unsafe fn put_all<T: Copy>(values: &[T], buffer: *mut T, capacity: usize) -> bool {
    if values.is_empty() {
        return true;
    }
    if buffer.is_null() || capacity < values.len() {
        return false;
    }
    // SAFETY: there is room, and values of ours do not lie in the caller's buffer.
    unsafe { ptr::copy_nonoverlapping(values.as_ptr(), buffer, values.len()) };
    true
}

fn null(name: &str) -> Failure {
    Failure::invalid(format!("{name} is NULL"))
}
