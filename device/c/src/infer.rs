//! One input in, one answer out.

use std::ffi::c_char;
use std::ptr;
use std::time::Duration;

use longshore_device::{Datatype, Input};

use crate::answer::Answer;
use crate::buffer;
use crate::device::Device;
use crate::status::{Failure, Status, Words, call};

/// Longest deadline, ten minutes.
const DEADLINE_MS_MAX: u32 = 600_000;

/// Bounds on inputs: no model takes more.
const TENSORS_MAX: usize = 64;
const RANK_MAX: usize = 16;
const BYTES_MAX: usize = 1 << 30;

/// One of the model's inputs.
#[repr(C)]
pub struct Tensor {
    /// The input's name.
    pub name: *const c_char,
    /// Type of every element: `BOOL`, `UINT8` to `UINT64`, `INT8` to `INT64`, `FP16`, `FP32` or `FP64`.
    pub datatype: *const c_char,
    /// Extent of each dimension.
    pub shape: *const usize,
    /// How many dimensions there are, at most 16. 0: a scalar.
    pub rank: usize,
    /// The elements, little-endian, row-major, without padding.
    pub data: *const u8,
    /// Their length, in bytes.
    pub data_length: usize,
}

/// Answers for a JPEG or PNG picture, of a model with one picture input, within `deadline_ms` milliseconds (1 to 600000).
///
/// Blocks until there is an answer. `*answer` is NULL unless the status is OK; then it must be freed. It is also there when the
/// deadline came first: its summary says so. For `error` see `longshore_device_open`.
///
/// # Safety
/// Every pointer is NULL or leads to what it says; `device` was not closed. Nothing of the picture is kept after the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_infer_picture(
    device: *const Device,
    picture: *const u8,
    picture_length: usize,
    deadline_ms: u32,
    answer: *mut *mut Answer,
    error: *mut c_char,
    error_capacity: usize,
) -> Status {
    let words = Words { buffer: error, capacity: error_capacity };
    // SAFETY: the caller's promise.
    unsafe {
        call(words, || {
            let place = emptied(answer)?;
            let picture = buffer::array(picture, picture_length, BYTES_MAX, "picture")?;
            let input = Input::Picture(picture.to_vec().into());
            *place = infer(buffer::get(device, "device")?, input, deadline_ms)?;
            Ok(())
        })
    }
}

/// Answers for the model's inputs themselves, in any order. All else is as for `longshore_infer_picture`.
///
/// # Safety
/// Every pointer is NULL or leads to what it says; `device` was not closed. Nothing of the tensors is kept after the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_infer_tensors(
    device: *const Device,
    tensors: *const Tensor,
    tensor_count: usize,
    deadline_ms: u32,
    answer: *mut *mut Answer,
    error: *mut c_char,
    error_capacity: usize,
) -> Status {
    let words = Words { buffer: error, capacity: error_capacity };
    // SAFETY: the caller's promise.
    unsafe {
        call(words, || {
            let place = emptied(answer)?;
            let tensors = buffer::array(tensors, tensor_count, TENSORS_MAX, "tensors")?;
            let tensors = tensors.iter().map(|tensor| read(tensor)).collect::<Result<Vec<_>, Failure>>()?;
            *place = infer(buffer::get(device, "device")?, Input::Tensors(tensors), deadline_ms)?;
            Ok(())
        })
    }
}

/// # Safety
/// `answer` is NULL or a place for a handle.
unsafe fn emptied<'a>(answer: *mut *mut Answer) -> Result<&'a mut *mut Answer, Failure> {
    // SAFETY: the caller's promise.
    let place = unsafe { buffer::get_mut(answer, "answer") }?;
    *place = ptr::null_mut();
    Ok(place)
}

/// # Safety
/// Every pointer of the tensor is NULL or leads to what it says.
unsafe fn read(tensor: &Tensor) -> Result<longshore_device::Tensor, Failure> {
    // SAFETY: the caller's promise.
    let (name, datatype, shape, data) = unsafe {
        (
            buffer::some_text(tensor.name, "tensor.name")?,
            buffer::some_text(tensor.datatype, "tensor.datatype")?,
            buffer::array(tensor.shape, tensor.rank, RANK_MAX, "tensor.shape")?,
            buffer::array(tensor.data, tensor.data_length, BYTES_MAX, "tensor.data")?,
        )
    };
    let about = |text: String| Failure::invalid(format!("tensor {name:?}: {text}"));
    let read = longshore_device::Tensor {
        name: name.into(),
        datatype: datatype.parse::<Datatype>().map_err(|error| about(error.to_string()))?,
        shape: shape.into(),
        data: data.to_vec().into(),
    };
    match read.bytes_expected() {
        Some(bytes) if bytes == data.len() => Ok(read),
        Some(bytes) => {
            Err(about(format!("shape and datatype ask for {bytes} bytes, data has {}", data.len())))
        }
        None => Err(about("the shape is larger than memory".into())),
    }
}

fn infer(device: &Device, input: Input, deadline_ms: u32) -> Result<*mut Answer, Failure> {
    if !(1..=DEADLINE_MS_MAX).contains(&deadline_ms) {
        return Err(Failure::invalid(format!(
            "deadline_ms is {deadline_ms}: it must be 1 to {DEADLINE_MS_MAX}"
        )));
    }
    let deadline = Duration::from_millis(deadline_ms.into());
    let answer = device.runtime.block_on(device.device.infer(input, deadline));
    Ok(Box::into_raw(Box::new(Answer(answer))))
}
