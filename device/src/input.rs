//! What a device wants to know about, and the tensors that a model takes.

use bytes::Bytes;
use engine::{Tensor, picture, picture::Normalization};

use crate::Metadata;

/// One input.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A JPEG or PNG picture, for a model with one picture input.
    Picture(Bytes),
    /// The model's inputs themselves.
    Tensors(Vec<Tensor>),
}

/// The tensors of an input. Blocks while a picture is decoded.
pub(crate) fn tensors(
    input: Input,
    metadata: &Metadata,
    normalization: Normalization,
) -> Result<Vec<Tensor>, String> {
    match input {
        Input::Tensors(tensors) => Ok(tensors),
        Input::Picture(encoded) => match metadata.inputs.as_slice() {
            [only] => picture::to_tensor(&encoded, only, normalization)
                .map(|tensor| vec![tensor])
                .map_err(|error| error.to_string()),
            inputs => {
                Err(format!("a picture fits a model with one input, and this one has {}", inputs.len()))
            }
        },
    }
}
