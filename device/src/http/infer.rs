//! One inference as an Open Inference Protocol v2 request with binary tensors.

use bytes::{BufMut, Bytes, BytesMut};
use engine::{Tensor, classify::probabilities_output};
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use wire::{header, path};

use crate::Metadata;

/// A request body, encoded once however often it is sent.
#[derive(Clone)]
pub(crate) struct Encoded {
    json_length: usize,
    body: Bytes,
}

impl Encoded {
    /// Length of the body, in bytes.
    pub(crate) fn length(&self) -> u32 {
        u32::try_from(self.body.len()).unwrap_or(u32::MAX)
    }
}

/// Encodes tensors, asking for the output with the probabilities alone where the model has one.
pub(crate) fn encode(tensors: &[Tensor], metadata: Option<&Metadata>, labels: usize) -> Encoded {
    let inputs: Vec<Value> = tensors
        .iter()
        .map(|tensor| {
            json!({"name": tensor.name, "shape": tensor.shape, "datatype": tensor.datatype.name(),
                "parameters": {"binary_data_size": tensor.data.len()}})
        })
        .collect();
    let mut head = json!({"inputs": inputs});
    match metadata.and_then(|metadata| wanted_output(metadata, labels)) {
        Some(name) => head["outputs"] = json!([{"name": name, "parameters": {"binary_data": true}}]),
        None => head["parameters"] = json!({"binary_data_output": true}),
    }
    let head = head.to_string();
    let data: usize = tensors.iter().map(|tensor| tensor.data.len()).sum();
    let mut body = BytesMut::with_capacity(head.len() + data);
    body.put_slice(head.as_bytes());
    for tensor in tensors {
        body.put_slice(&tensor.data);
    }
    Encoded { json_length: head.len(), body: body.freeze() }
}

fn wanted_output(metadata: &Metadata, labels: usize) -> Option<&str> {
    let ends = metadata.outputs.iter().map(|output| (output.name.as_str(), output.shape.last().copied()));
    probabilities_output(ends, labels).ok()
}

/// The request that carries it.
pub(crate) fn request(model: &str, encoded: &Encoded, left_ms: u64) -> Request<Full<Bytes>> {
    Request::post(path::infer(model))
        .header(http::header::CONTENT_TYPE, "application/octet-stream")
        .header(header::INFERENCE_HEADER_CONTENT_LENGTH, encoded.json_length)
        .header(header::DEADLINE_MS, left_ms)
        .header(header::LOAD_FORMAT, "json")
        .body(Full::new(encoded.body.clone()))
        .expect("a checked model name and numbers make a valid request")
}
