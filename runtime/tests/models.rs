//! Health, metadata and versions.
#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

mod support;

use serde_json::{Value, json};
use support::client::{get, post};
use support::{Folder, Server, adder, onnx, person};

#[test]
fn health_and_server_metadata() {
    let models = Folder::with_models(&[("adder/1", &adder())]);
    let server = Server::ready(&models, &[]);
    for path in ["/v2/health/live", "/v2/health/ready", "/v2/models/adder/ready"] {
        assert_eq!(get(&server.address, path).status, 200, "{path}");
    }
    let metadata = get(&server.address, "/v2").json();
    assert_eq!(metadata["name"], "longshore-runtime");
    assert_eq!(metadata["extensions"], json!(["binary_tensor_data"]));
}

#[test]
fn model_metadata_has_what_a_client_needs() {
    let models = Folder::with_models(&[("person/3", &person()), ("adder/1", &adder())]);
    let server = Server::ready(&models, &[]);
    let fp32 = |name: &str, shape: Value| json!({"name": name, "datatype": "FP32", "shape": shape});
    assert_eq!(
        get(&server.address, "/v2/models/person").json(),
        json!({"name": "person", "versions": ["3"], "platform": "tract_onnx",
            "inputs": [fp32("in_nhwc", json!([1, 128, 128, 3]))],
            "outputs": [fp32("out0", json!([1, 896, 16])), fp32("out1", json!([1, 896, 1])),
                fp32("probabilities", json!([1, 2]))]})
    );
    let inputs = &get(&server.address, "/v2/models/adder").json()["inputs"];
    assert_eq!(inputs, &json!([fp32("a", json!([-1, 2])), fp32("b", json!([-1, 2]))]));
}

#[test]
fn the_highest_version_is_the_default_and_each_can_be_named() {
    let with = |operator| {
        let value = |name| (name, onnx::FLOAT, [2].as_slice());
        onnx::one_node(operator, &[value("a"), value("b")], &[value("y")])
    };
    let models = Folder::with_models(&[("m/2", &with("Mul")), ("m/10", &with("Add"))]);
    // What mounts and people leave behind.
    models.write("m/draft/notes.txt", b"");
    models.write("lost+found/x", b"");
    models.write("README", b"");
    let server = Server::ready(&models, &[]);

    let input = |name| json!({"name": name, "datatype": "FP32", "shape": [2], "data": [3, 4]});
    let infer = |path: &str| {
        let answer = post(&server.address, path, &json!({"inputs": [input("a"), input("b")]})).json();
        (answer["model_version"].clone(), answer["outputs"][0]["data"].clone())
    };
    assert_eq!(infer("/v2/models/m/infer"), (json!("10"), json!([6.0, 8.0])));
    assert_eq!(infer("/v2/models/m/versions/2/infer"), (json!("2"), json!([9.0, 16.0])));
    assert_eq!(get(&server.address, "/v2/models/m/versions/2").json()["versions"], json!(["2", "10"]));
    assert_eq!(get(&server.address, "/v2/models/m/versions/2/ready").status, 200);
    for version in ["3", "02", "latest"] {
        get(&server.address, &format!("/v2/models/m/versions/{version}/ready"))
            .refused(404, &format!("model \"m\" has no version \"{version}\": it has [2, 10]"));
    }
}

#[test]
fn an_unknown_model_is_404_on_every_path() {
    let models = Folder::with_models(&[("adder/1", &adder())]);
    let server = Server::ready(&models, &[]);
    let text = "model \"nope\" is not served here";
    get(&server.address, "/v2/models/nope").refused(404, text);
    get(&server.address, "/v2/models/nope/ready").refused(404, text);
    post(&server.address, "/v2/models/nope/infer", &json!({})).refused(404, text);
}
