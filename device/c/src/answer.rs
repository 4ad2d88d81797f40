//! The handle of an answer, and all of it but the tensors.

use std::ffi::c_char;
use std::time::Duration;

use longshore_device::core::outcome::Ending;

use crate::buffer;
use crate::status::{Failure, Status, Words, call};

/// The answer to one input. All threads may read it at the same time.
pub struct Answer(pub(crate) longshore_device::Answer);

/// How a request ended.
#[repr(C)]
pub enum Outcome {
    /// There is a result.
    Answered = 0,
    /// The deadline came first.
    Late = 1,
    /// No place could give a result.
    Failed = 2,
}

/// Where a result comes from.
#[repr(C)]
pub enum Place {
    /// There is none.
    None = 0,
    /// The model on the device.
    Device = 1,
    /// A node at the edge.
    Edge = 2,
    /// The last result, repeated, as the policy's fallback says.
    Cache = 3,
}

/// What of an answer is a number.
#[repr(C)]
pub struct Summary {
    /// How the request ended.
    pub outcome: Outcome,
    /// Where the result comes from.
    pub place: Place,
    /// The largest probability; NaN where there is none.
    pub confidence: f32,
    /// From the call until the answer, in milliseconds.
    pub latency_ms: f64,
    /// Of that, how long it waited to be run: in the sidecar, or for the device's processor, in milliseconds. NaN where nothing
    /// ran for this answer, or the node does not tell.
    pub queue_ms: f64,
    /// Of that, how long it ran: in the model server, or here, in milliseconds. NaN as `queue_ms` is.
    pub service_ms: f64,
    /// How many outputs of the model there are.
    pub output_count: usize,
}

/// Frees an answer. NULL is none.
///
/// # Safety
/// `answer` is NULL or a handle that was not freed, and no other call with it runs or comes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_answer_free(answer: *mut Answer) {
    if !answer.is_null() {
        // SAFETY: the caller's promise; the handle came from a box.
        drop(unsafe { Box::from_raw(answer) });
    }
}

/// Tells how a request ended, where, how sure and how fast.
///
/// # Safety
/// `answer` is NULL or a handle that was not freed; `summary` is NULL or a place for a summary.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_answer_summary(answer: *const Answer, summary: *mut Summary) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        call(Words::NONE, || {
            let answer = &buffer::get(answer, "answer")?.0;
            *buffer::get_mut(summary, "summary")? = Summary {
                outcome: match answer.ending {
                    Ending::Answered => Outcome::Answered,
                    Ending::Late => Outcome::Late,
                    Ending::Failed => Outcome::Failed,
                },
                place: match answer.place {
                    None => Place::None,
                    Some("device") => Place::Device,
                    Some("edge") => Place::Edge,
                    Some(_) => Place::Cache,
                },
                confidence: answer.confidence.unwrap_or(f32::NAN),
                latency_ms: milliseconds(answer.latency),
                queue_ms: answer.queue.map_or(f64::NAN, milliseconds),
                service_ms: answer.service.map_or(f64::NAN, milliseconds),
                output_count: answer.outputs.len(),
            };
            Ok(())
        })
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Writes the label of the largest probability into the caller's buffer; empty where there is none. What does not fit is cut
/// off. `*needed` becomes the length with the NUL; it may be NULL, as the buffer may.
///
/// # Safety
/// `answer` is NULL or a handle that was not freed; `buffer` is NULL or has room for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_answer_label(
    answer: *const Answer,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe { put(answer, |answer| answer.label.as_deref(), buffer, capacity, needed) }
}

/// Writes the endpoint that answered, in a cluster the node's name. All else is as for `longshore_answer_label`.
///
/// # Safety
/// As for `longshore_answer_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_answer_endpoint(
    answer: *const Answer,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe { put(answer, |answer| answer.endpoint.as_deref(), buffer, capacity, needed) }
}

/// Writes the word for why it ran where it ran, or did not run; `docs/device.md` lists them. All else is as for
/// `longshore_answer_label`.
///
/// # Safety
/// As for `longshore_answer_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_answer_reason(
    answer: *const Answer,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe { put(answer, |answer| Some(answer.reason.word()), buffer, capacity, needed) }
}

/// Writes the digest of the model that answered, `sha256:` and 64 hexadecimal digits. All else is as for
/// `longshore_answer_label`.
///
/// # Safety
/// As for `longshore_answer_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_answer_model_digest(
    answer: *const Answer,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe { put(answer, |answer| answer.model_digest.as_deref(), buffer, capacity, needed) }
}

/// Writes what went wrong, for people. All else is as for `longshore_answer_label`.
///
/// # Safety
/// As for `longshore_answer_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_answer_detail(
    answer: *const Answer,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe { put(answer, |answer| answer.detail.as_deref(), buffer, capacity, needed) }
}

/// # Safety
/// As for `longshore_answer_label`.
unsafe fn put(
    answer: *const Answer,
    member: impl FnOnce(&longshore_device::Answer) -> Option<&str>,
    place: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        call(Words::NONE, || {
            let text = member(&buffer::get(answer, "answer")?.0).unwrap_or_default();
            if let Some(needed) = needed.as_mut() {
                *needed = text.len() + 1;
            }
            if buffer::put_text(text, place, capacity) { Ok(()) } else { Err(Failure::short()) }
        })
    }
}
