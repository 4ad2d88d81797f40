//! Inference through the real program: JSON, binary and mixed tensors.
#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

mod support;

use serde_json::{Value, json};
use support::client::{post, post_binary};
use support::{Folder, Server, adder, onnx, person, pixels};

const PERSON: &str = "/v2/models/person/infer";
const ADDER: &str = "/v2/models/adder/infer";

fn server() -> (Server, Folder) {
    let models = Folder::with_models(&[("person/1", &person()), ("adder/1", &adder())]);
    (Server::ready(&models, &[]), models)
}

fn output<'a>(answer: &'a Value, name: &str) -> &'a Value {
    answer["outputs"].as_array().unwrap().iter().find(|output| output["name"] == name).unwrap()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn json_tensors_find_the_person() {
    let (server, _models) = server();
    let probability = |frame: &str| {
        let data = pixels(frame).to_f32().unwrap();
        let input = json!({"name": "in_nhwc", "datatype": "FP32", "shape": [1, 128, 128, 3], "data": data});
        let answer = post(&server.address, PERSON, &json!({"inputs": [input]}));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let answer = answer.json();
        assert_eq!((&answer["model_name"], &answer["model_version"]), (&json!("person"), &json!("1")));
        assert_eq!(output(&answer, "out0")["shape"], json!([1, 896, 16]));
        output(&answer, "probabilities")["data"][1].as_f64().unwrap()
    };
    assert!((0.90..0.94).contains(&probability("astronaut.jpg")));
    assert!(probability("coffee.jpg") < 0.5);
}

#[test]
fn binary_tensors_find_the_person() {
    let (server, _models) = server();
    let data = pixels("astronaut.jpg").data;
    let input = json!({"name": "in_nhwc", "datatype": "FP32", "shape": [1, 128, 128, 3],
        "parameters": {"binary_data_size": data.len()}});
    let request = json!({"inputs": [input], "parameters": {"binary_data_output": true}});
    let answer = post_binary(&server.address, PERSON, &request, &data);
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    let (json, binary) = answer.parts();
    let sizes = json["outputs"].as_array().unwrap().iter();
    let sizes: Vec<&Value> = sizes.map(|output| &output["parameters"]["binary_data_size"]).collect();
    assert_eq!(sizes, [&json!(896 * 16 * 4), &json!(896 * 4), &json!(8)]);
    assert_eq!(binary.len(), (896 * 16 + 896 + 2) * 4);
    let probabilities = floats(&binary[binary.len() - 8..]);
    assert!((0.90..0.94).contains(&probabilities[1]), "{probabilities:?}");
}

#[test]
fn binary_and_json_inputs_mix_in_their_order() {
    let (server, _models) = server();
    let a = json!({"name": "a", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2.5], [-3, 4]]});
    let b = json!({"name": "b", "datatype": "FP32", "shape": [2, 2], "parameters": {"binary_data_size": 16}});
    for inputs in [json!([a, b]), json!([b, a])] {
        let request = json!({"inputs": inputs});
        let answer = post_binary(&server.address, ADDER, &request, &bytes(&[10.0, 20.0, 30.0, 40.0])).json();
        assert_eq!(output(&answer, "y")["data"], json!([11.0, 22.5, 27.0, 44.0]));
        assert_eq!(output(&answer, "y")["shape"], json!([2, 2]));
    }
}

#[test]
fn outputs_are_those_asked_for_in_that_order_and_form() {
    let (server, _models) = server();
    let data = pixels("astronaut.jpg").data;
    let input = json!({"name": "in_nhwc", "datatype": "FP32", "shape": [1, 128, 128, 3],
        "parameters": {"binary_data_size": data.len()}});
    let outputs = json!([{"name": "probabilities"}, {"name": "out1", "parameters": {"binary_data": true}}]);
    let answer = post_binary(&server.address, PERSON, &json!({"inputs": [input], "outputs": outputs}), &data);
    let (json, binary) = answer.parts();
    let names = json["outputs"].as_array().unwrap().iter();
    assert_eq!(names.map(|output| &output["name"]).collect::<Vec<_>>(), ["probabilities", "out1"]);
    assert_eq!(json["outputs"][0]["data"].as_array().unwrap().len(), 2);
    assert_eq!(binary.len(), 896 * 4);
}

#[test]
fn id_and_parameters_come_back() {
    let (server, _models) = server();
    let one = |name| json!({"name": name, "datatype": "FP32", "shape": [1, 2], "data": [0.1, 16777217]});
    let request = json!({"id": "frame-7", "parameters": {"tag": "x", "binary_data_output": false},
        "inputs": [one("a"), one("b")]});
    let answer = post(&server.address, ADDER, &request);
    // 0.2 in 32 bits is written with the fewest digits, and never as the 64-bit 0.20000000298.
    assert!(String::from_utf8_lossy(&answer.body).contains("[0.2,33554432.0]"), "{answer:?}");
    let answer = answer.json();
    assert_eq!(answer["id"], "frame-7");
    assert_eq!(answer["parameters"], json!({"tag": "x"}));
}

#[test]
fn every_datatype_keeps_its_values() {
    let cases = [
        ("UINT8", onnx::UINT8, json!([0, 255])),
        ("INT64", onnx::INT64, json!([i64::MIN, i64::MAX])),
        ("BOOL", onnx::BOOL, json!([true, false])),
    ];
    let models = Folder::new();
    for (name, element, _) in &cases {
        let model = onnx::one_node("Identity", &[("x", *element, &[2])], &[("y", *element, &[2])]);
        models.write(&format!("{name}/1/model.onnx"), &model);
    }
    let server = Server::ready(&models, &[]);
    for (name, _, data) in cases {
        let input = json!({"name": "x", "datatype": name, "shape": [2], "data": data});
        let path = format!("/v2/models/{name}/infer");
        let answer = post(&server.address, &path, &json!({"inputs": [input]})).json();
        assert_eq!(output(&answer, "y")["data"], data, "{answer}");
    }
}

#[test]
fn half_floats_travel_in_binary_only() {
    let half = onnx::one_node("Identity", &[("x", onnx::FLOAT16, &[1])], &[("y", onnx::FLOAT16, &[1])]);
    let models = Folder::with_models(&[("half/1", &half)]);
    let server = Server::ready(&models, &[]);
    let path = "/v2/models/half/infer";
    let input = json!({"name": "x", "datatype": "FP16", "shape": [1], "parameters": {"binary_data_size": 2}});
    let request = json!({"inputs": [input], "parameters": {"binary_data_output": true}});
    assert_eq!(post_binary(&server.address, path, &request, &[0, 0x3c]).parts().1, [0, 0x3c]);
    post_binary(&server.address, path, &json!({"inputs": [input]}), &[0, 0x3c])
        .refused(400, "output \"y\" is FP16, which has no JSON form: ask for it with binary_data");
    let input = json!({"name": "x", "datatype": "FP16", "shape": [1], "data": [1.0]});
    post(&server.address, path, &json!({"inputs": [input]}))
        .refused(400, "input \"x\" has no JSON form for FP16: send it with binary_data_size");
}
