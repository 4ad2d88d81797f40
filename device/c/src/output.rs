//! The tensors of an answer.

use std::ffi::c_char;

use crate::answer::Answer;
use crate::buffer;
use crate::status::{Failure, Status, Words, call};

/// One output of the model, for the caller's buffers. Begin with zeros to learn the lengths; a second call with buffers fills
/// them.
#[repr(C)]
pub struct Output {
    /// A buffer for the output's name, or NULL.
    pub name: *mut c_char,
    /// Its room, in bytes.
    pub name_capacity: usize,
    /// Told: what the name needs with its NUL, in bytes.
    pub name_needed: usize,
    /// Told: the type of every element, such as `FP32`. Its room is that of the longest name and its NUL.
    pub datatype: [c_char; 8],
    /// A buffer for the extent of each dimension, or NULL.
    pub shape: *mut usize,
    /// Its room, in dimensions.
    pub shape_capacity: usize,
    /// Told: how many dimensions there are.
    pub rank: usize,
    /// A buffer for the elements, or NULL: little-endian, row-major, without padding.
    pub data: *mut u8,
    /// Its room, in bytes.
    pub data_capacity: usize,
    /// Told: the length of the elements, in bytes.
    pub data_length: usize,
}

/// Fills in one output of an answer, `index` counted from 0. What a buffer is too short for is left out or, of the name, cut
/// off, and the status is `LONGSHORE_STATUS_SHORT_BUFFER`.
///
/// # Safety
/// `answer` is NULL or a handle that was not freed; `output` is NULL or an output whose buffers are NULL or have their room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_answer_output(
    answer: *const Answer,
    index: usize,
    output: *mut Output,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        call(Words::NONE, || {
            let outputs = &buffer::get(answer, "answer")?.0.outputs;
            let tensor = outputs.get(index).ok_or_else(|| Failure::invalid("there is no such output"))?;
            let output = buffer::get_mut(output, "output")?;
            output.name_needed = tensor.name.len() + 1;
            output.rank = tensor.shape.len();
            output.data_length = tensor.data.len();
            let whole = [
                buffer::put_text(&tensor.name, output.name, output.name_capacity),
                buffer::put_text(tensor.datatype.name(), output.datatype.as_mut_ptr(), output.datatype.len()),
                buffer::put_all(&tensor.shape, output.shape, output.shape_capacity),
                buffer::put_all(&tensor.data, output.data, output.data_capacity),
            ];
            if whole.contains(&false) { Err(Failure::short()) } else { Ok(()) }
        })
    }
}
