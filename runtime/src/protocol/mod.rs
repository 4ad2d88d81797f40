//! The Open Inference Protocol v2: how tensors are written in JSON and in its binary extension.

mod elements;
#[cfg(test)]
mod fuzzed;
pub mod infer;
mod request;
mod response;

use engine::TensorSpec;
use serde_json::{Value, json};

use crate::app::Found;

/// Length of the JSON in front of binary tensors, in requests and responses.
const HEADER_LENGTH: &str = "inference-header-content-length";

/// What a model takes and gives.
pub fn metadata(found: &Found) -> Value {
    let versions: Vec<String> = found.versions.iter().map(u64::to_string).collect();
    json!({
        "name": found.name,
        "versions": versions,
        "platform": "tract_onnx",
        "inputs": specs(found.model.inputs()),
        "outputs": specs(found.model.outputs()),
    })
}

fn specs(specs: &[TensorSpec]) -> Vec<Value> {
    let one =
        |spec: &TensorSpec| json!({"name": spec.name, "datatype": spec.datatype.name(), "shape": spec.shape});
    specs.iter().map(one).collect()
}
