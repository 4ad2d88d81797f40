//! The device library for C, and for every language that can call C.
//!
//! Enters: text that ends in NUL, buffers with their lengths. Leaves: a status from every call that can fail, text and tensors
//! in the caller's buffers. Never: a panic across the border, or a pointer kept that the caller may free.
//!
//! The header `include/longshore.h` is made from these files; the page `docs/c.md` shows its use.

mod answer;
mod buffer;
mod device;
mod infer;
mod options;
mod output;
mod status;

pub use answer::{
    Answer, Outcome, Place, Summary, longshore_answer_detail, longshore_answer_endpoint,
    longshore_answer_free, longshore_answer_label, longshore_answer_model_digest, longshore_answer_reason,
    longshore_answer_summary,
};
pub use device::{
    Account, Device, longshore_device_account, longshore_device_close, longshore_device_open,
    longshore_device_set_battery, longshore_device_set_zone, longshore_version,
};
pub use infer::{Tensor, longshore_infer_picture, longshore_infer_tensors};
pub use options::Options;
pub use output::{Output, longshore_answer_output};
pub use status::Status;
