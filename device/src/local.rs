//! The model on the device, behind a trait, and what any model says about itself.

use engine::{Tensor, TensorSpec};

/// What a model takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The inputs.
    pub inputs: Vec<TensorSpec>,
    /// The outputs.
    pub outputs: Vec<TensorSpec>,
}

/// A model that runs on the device. It is called on a thread of its own that may block, one call at a time.
pub trait LocalModel: Send + Sync {
    /// What it takes and gives.
    fn metadata(&self) -> &Metadata;

    /// Digest of the model file, `sha256:` and 64 hexadecimal digits.
    fn digest(&self) -> &str;

    /// Runs the model once.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String>;
}
