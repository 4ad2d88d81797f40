//! What can be wrong with a model file, and with the tensors given to a model.

use std::io;
use std::path::PathBuf;

use crate::Datatype;

/// A model file that cannot be served. Each message names the file and says what to do next where that is known.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No such file.
    #[error("model file {} does not exist", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is there and cannot be opened.
    #[error("model file {} cannot be opened", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Not ONNX, or cut off, or a graph that contradicts itself.
    #[error("model file {} is corrupt: {reason}; copy it again and compare its digest", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// ONNX that this engine cannot run.
    #[error("model file {} is not supported: {reason}", .path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The operator, datatype or shape that stands in the way.
        reason: String,
    },
}

/// Why a model gave no answer. All but `Execution` are the caller's to mend; each message names the tensor, what was
/// given and what is expected.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum RunError {
    /// A name that the model does not have.
    #[error("input {name:?} is unknown: the model takes {expected}")]
    UnknownInput {
        /// The name given.
        name: String,
        /// The names the model has.
        expected: String,
    },
    /// An input was left out.
    #[error("input {name:?} is missing: the model takes {expected}")]
    MissingInput {
        /// The input without a tensor.
        name: String,
        /// The names the model has.
        expected: String,
    },
    /// An input was given twice.
    #[error("input {name:?} is given more than once")]
    RepeatedInput {
        /// The name given.
        name: String,
    },
    /// Wrong datatype.
    #[error("input {name:?} has datatype {given}: expected {expected}")]
    Datatype {
        /// The tensor.
        name: String,
        /// Its datatype.
        given: Datatype,
        /// The model's.
        expected: Datatype,
    },
    /// Wrong shape.
    #[error("input {name:?} has shape {given}: expected {expected}, -1 standing for any extent")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        given: String,
        /// The model's.
        expected: String,
    },
    /// Wrong number of bytes.
    #[error("input {name:?} has {given} bytes: shape and datatype ask for {expected}")]
    ByteLength {
        /// The tensor.
        name: String,
        /// Bytes given.
        given: usize,
        /// Bytes that the shape asks for.
        expected: usize,
    },
    /// A BOOL element that is neither 0 nor 1.
    #[error("input {name:?} has a BOOL element of {given}: expected 0 or 1")]
    NotBool {
        /// The tensor.
        name: String,
        /// The byte.
        given: u8,
    },
    /// The engine failed on tensors that looked right.
    #[error("the model failed while it ran: {reason}")]
    Execution {
        /// The engine's own words.
        reason: String,
    },
}
