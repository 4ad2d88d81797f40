//! A loaded model: what it takes and gives, and one call that runs it.
//!
//! Enters: tensors. Leaves: every output, in the model's order. Never: a tensor handed to the engine unchecked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tract_onnx::prelude::{self as tract, TValue, TVec, TractResult, TypedRunnableModel};

use crate::load;
use crate::{LoadError, RunError, Tensor, TensorSpec, shape_text};

/// A model ready to run. Share it between threads with `Arc`: runs do not wait for each other, and each uses the
/// thread that calls it.
pub struct Model {
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    plan: Arc<TypedRunnableModel>,
}

impl Model {
    /// Reads, checks and optimises an ONNX file. Takes from milliseconds to seconds and up to three times the file's
    /// size in memory.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let load::Parts { inputs, outputs, plan } = load::parts(path.as_ref())?;
        Ok(Self { inputs, outputs, plan })
    }

    /// What the model takes.
    pub fn inputs(&self) -> &[TensorSpec] {
        &self.inputs
    }

    /// What the model gives.
    pub fn outputs(&self) -> &[TensorSpec] {
        &self.outputs
    }

    /// Runs the model once. Tensors may come in any order; every input must be there.
    pub fn run(&self, tensors: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        let values = self.checked(tensors)?;
        // The engine asserts in places that a well-formed but odd tensor can reach; a server must outlive it.
        catch_unwind(AssertUnwindSafe(|| self.execute(values)))
            .map_err(|_| RunError::Execution { reason: "the engine stopped at an assertion".to_owned() })?
            .map_err(|error| RunError::Execution { reason: format!("{error:#}") })
    }

    fn execute(&self, values: TVec<TValue>) -> TractResult<Vec<Tensor>> {
        let results = self.plan.run(values)?;
        self.outputs.iter().zip(results).map(|(spec, value)| from_value(spec, &value)).collect()
    }

    fn checked(&self, tensors: &[Tensor]) -> Result<TVec<TValue>, RunError> {
        for (index, tensor) in tensors.iter().enumerate() {
            let name = tensor.name.clone();
            if !self.inputs.iter().any(|spec| spec.name == name) {
                return Err(RunError::UnknownInput { name, expected: names(&self.inputs) });
            }
            if tensors[..index].iter().any(|earlier| earlier.name == name) {
                return Err(RunError::RepeatedInput { name });
            }
        }
        self.inputs.iter().map(|spec| self.input_value(spec, tensors)).collect()
    }

    fn input_value(&self, spec: &TensorSpec, tensors: &[Tensor]) -> Result<TValue, RunError> {
        let Some(tensor) = tensors.iter().find(|tensor| tensor.name == spec.name) else {
            return Err(RunError::MissingInput { name: spec.name.clone(), expected: names(&self.inputs) });
        };
        check(spec, tensor)?;
        to_value(tensor).map_err(|error| RunError::Execution { reason: format!("{error:#}") })
    }
}

fn names(specs: &[TensorSpec]) -> String {
    let quoted: Vec<String> = specs.iter().map(|spec| format!("{:?}", spec.name)).collect();
    quoted.join(", ")
}

fn check(spec: &TensorSpec, tensor: &Tensor) -> Result<(), RunError> {
    let name = || spec.name.clone();
    if tensor.datatype != spec.datatype {
        return Err(RunError::Datatype { name: name(), given: tensor.datatype, expected: spec.datatype });
    }
    let expected = tensor.bytes_expected().filter(|_| spec.fits(&tensor.shape));
    let Some(expected) = expected else {
        let (given, expected) = (shape_text(&tensor.shape), shape_text(&spec.shape));
        return Err(RunError::Shape { name: name(), given, expected });
    };
    if tensor.data.len() != expected {
        return Err(RunError::ByteLength { name: name(), given: tensor.data.len(), expected });
    }
    if tensor.datatype == crate::Datatype::Bool
        && let Some(given) = tensor.data.iter().find(|byte| **byte > 1)
    {
        return Err(RunError::NotBool { name: name(), given: *given });
    }
    Ok(())
}

fn to_value(tensor: &Tensor) -> TractResult<TValue> {
    let mut inner = tract::Tensor::zero_dt(tensor.datatype.datum(), &tensor.shape)?;
    inner.as_bytes_mut().copy_from_slice(&tensor.data);
    Ok(inner.into())
}

fn from_value(spec: &TensorSpec, value: &tract::Tensor) -> TractResult<Tensor> {
    let value = value.cast_to_dt(spec.datatype.datum())?;
    let data = Bytes::copy_from_slice(value.try_as_plain_ram()?.as_bytes());
    Ok(Tensor { name: spec.name.clone(), datatype: spec.datatype, shape: value.shape().to_vec(), data })
}
