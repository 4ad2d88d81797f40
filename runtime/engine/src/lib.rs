//! Runs ONNX models on the CPU, for the model server and for devices.
//!
//! Enters: a model file, and tensors or an encoded picture. Leaves: tensors, or a label with its probability.
//! Never: the network, a clock, a thread of its own, or a panic that a model file or a tensor provokes.

pub mod calibrate;
pub mod classify;
mod datatype;
mod error;
mod load;
mod model;
pub mod picture;
mod tensor;

pub use datatype::Datatype;
pub use error::{LoadError, RunError};
pub use model::Model;
pub use tensor::{Tensor, TensorSpec, shape_text};
