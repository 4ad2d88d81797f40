//! Fuzz target: a request with its tensors in JSON and behind it. What is taken is no larger than what came.

use bytes::Bytes;
use engine::{Datatype, TensorSpec};

use super::request::decode;

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "255",
    "256",
    "\"inputs\":",
    "\"outputs\":",
    "\"name\":\"x\"",
    "\"datatype\":\"FP32\"",
    "\"datatype\":\"UINT8\"",
    "\"datatype\":\"BOOL\"",
    "\"datatype\":\"INT64\"",
    "\"shape\":[2,2]",
    "\"shape\":[0]",
    "\"shape\":[9223372036854775808,2]",
    "\"data\":[[1,2],[3,4]]",
    "\"data\":[]",
    "\"parameters\":{\"binary_data_size\":4}",
    "\"parameters\":{\"binary_data\":true}",
    "\"binary_data_output\":true",
    "\n",
];

#[test]
fn fuzzed_requests() {
    let spec = TensorSpec { name: "y".into(), datatype: Datatype::Fp32, shape: vec![-1] };
    let json: &[u8] = b"\n{\"id\":\"1\",\"inputs\":[{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[[1,2],[3,4]]}],\"outputs\":[{\"name\":\"y\"}]}";
    let binary: &[u8] = b"93\n{\"inputs\":[{\"name\":\"x\",\"shape\":[4],\"datatype\":\"UINT8\",\"parameters\":{\"binary_data_size\":4}}]}abcd";
    fuzz::run(&[json, binary], WORDS, |bytes| {
        let (length, body) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\n')?);
        let length = str::from_utf8(length).ok()?.parse().ok();
        let body = Bytes::copy_from_slice(&body[1..]);
        let request = decode(&body, length, std::slice::from_ref(&spec));
        if let Ok(request) = &request {
            let total: usize = request.tensors.iter().map(|tensor| tensor.data.len()).sum();
            assert!(total <= 8 * body.len(), "{total} bytes of {}", body.len());
            assert!(request.outputs.iter().all(|output| output.index == 0));
        }
        let reason = |failure: crate::failure::Failure| {
            failure.to_string().chars().filter(|char| char.is_alphabetic()).take(12).collect::<String>()
        };
        Some(
            request
                .map(|request| (request.tensors.len().min(3), request.outputs.len().min(2)))
                .map_err(reason),
        )
    });
}
