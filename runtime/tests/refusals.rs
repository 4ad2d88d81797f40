//! Requests that cannot be served: each answer names the tensor, what was given and what is expected.
#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

mod support;

use serde_json::{Value, json};
use support::client::{Answer, get, post, post_binary, request};
use support::{Folder, Server, adder};

const ADDER: &str = "/v2/models/adder/infer";

fn server() -> (Server, Folder) {
    let models = Folder::with_models(&[("adder/1", &adder())]);
    (Server::ready(&models, &[]), models)
}

fn input(name: &str) -> Value {
    json!({"name": name, "datatype": "FP32", "shape": [1, 2], "data": [1, 2]})
}

/// Sends a request whose input `a` has one member changed.
fn changed(server: &Server, member: &str, value: Value) -> Answer {
    let mut a = input("a");
    a[member] = value;
    post(&server.address, ADDER, &json!({"inputs": [a, input("b")]}))
}

#[test]
fn tensors_that_do_not_fit_the_model() {
    let (server, _models) = server();
    let known = "the model takes \"a\", \"b\"";
    changed(&server, "name", json!("c")).refused(400, &format!("input \"c\" is unknown: {known}"));
    post(&server.address, ADDER, &json!({"inputs": [input("a")]}))
        .refused(400, &format!("input \"b\" is missing: {known}"));
    changed(&server, "shape", json!([2]))
        .refused(400, "input \"a\" has shape [2]: expected [-1,2], -1 standing for any extent");
    changed(&server, "datatype", json!("INT64"))
        .refused(400, "input \"a\" has datatype INT64: expected FP32");
    changed(&server, "datatype", json!("FLOAT32")).refused(
        400,
        "input \"a\" has a wrong datatype: datatype \"FLOAT32\" is not supported: use BOOL, UINT8..64, INT8..64, \
         FP16, FP32 or FP64",
    );
    let outputs = json!([{"name": "z"}]);
    post(&server.address, ADDER, &json!({"inputs": [input("a"), input("b")], "outputs": outputs}))
        .refused(400, "output \"z\" is unknown: the model gives \"y\"");
}

#[test]
fn elements_that_do_not_fit_the_tensor() {
    let (server, _models) = server();
    changed(&server, "data", json!([1, 2, 3]))
        .refused(400, "input \"a\" has 3 elements in data, which do not fill its shape [1,2]");
    changed(&server, "data", json!([1, 1e39])).refused(400, "input \"a\" has element 1 = 1e39: no FP32");
    changed(&server, "data", json!([true, 2])).refused(400, "input \"a\" has element 0 = true: no FP32");
    let a = json!({"name": "a", "datatype": "UINT8", "shape": [1, 2], "data": [1, 256]});
    post(&server.address, ADDER, &json!({"inputs": [a]}))
        .refused(400, "input \"a\" has element 1 = 256: no UINT8");
    changed(&server, "data", Value::Null).refused(400, "input \"a\" has neither data nor binary_data_size");
    let text = changed(&server, "data", json!(["1", "2"])).json()["error"].to_string();
    assert!(text.contains("expected a number, a boolean, or a list of them"), "{text}");
}

#[test]
fn bytes_that_do_not_fit_the_request() {
    let (server, _models) = server();
    let send = |size: Value, binary: &[u8]| {
        let a = json!({"name": "a", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": size}});
        post_binary(&server.address, ADDER, &json!({"inputs": [a, input("b")]}), binary)
    };
    assert_eq!(send(json!(8), &[0; 8]).status, 200);
    send(json!(4), &[0; 4]).refused(400, "input \"a\" has 4 bytes: shape and datatype ask for 8");
    send(json!(8), &[0; 9]).refused(400, "1 bytes follow the last tensor's binary_data_size");
    send(json!(8), &[0; 7]).refused(
        400,
        "input \"a\" has binary_data_size 8 and 7 bytes are left behind the JSON (its length is told by the header \
         inference-header-content-length)",
    );
    send(json!(-8), &[0; 8]).refused(400, "input \"a\" has binary_data_size -8: expected a number of bytes");
    let header = |value: &str| {
        let header = ("Inference-Header-Content-Length", value.to_owned());
        request(&server.address, "POST", ADDER, &[header], b"{}")
    };
    header("3").refused(400, "inference-header-content-length says 3 bytes and the body has 2");
    header("many")
        .refused(400, "header inference-header-content-length is \"many\": expected a number of bytes");
}

#[test]
fn what_this_server_does_not_support_is_never_ignored() {
    let (server, _models) = server();
    changed(&server, "parameters", json!({"shared_memory_region": "r"})).refused(
        400,
        "input \"a\" has the parameter \"shared_memory_region\", which this server does not support",
    );
    let outputs = json!([{"name": "y", "parameters": {"classification": 3}}]);
    post(&server.address, ADDER, &json!({"inputs": [input("a"), input("b")], "outputs": outputs})).refused(
        400,
        "output \"y\" has the parameter \"classification\", which this server does not support",
    );
    let header = ("Content-Encoding", "gzip".to_owned());
    request(&server.address, "POST", ADDER, &[header], b"{}")
        .refused(400, "content-encoding \"gzip\" is not supported: send the body uncompressed");
}

#[test]
fn bodies_that_are_no_request() {
    let (server, _models) = server();
    for body in ["", "{", "[]", "{\"inputs\": 3}"] {
        let answer = request(&server.address, "POST", ADDER, &[], body.as_bytes());
        assert_eq!(answer.status, 400, "{body}");
        let text = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(text.starts_with("the request's JSON is wrong: "), "{text}");
    }
    let deep = format!("{{\"inputs\":[{{\"name\":\"a\",\"data\":{}", "[".repeat(100_000));
    assert_eq!(request(&server.address, "POST", ADDER, &[], deep.as_bytes()).status, 400);
    assert_eq!(get(&server.address, "/v2/health/ready").status, 200);
}

#[test]
fn a_body_over_the_limit_is_413() {
    let models = Folder::with_models(&[("adder/1", &adder())]);
    let server = Server::ready(&models, &["--max-body-bytes", "1000"]);
    let text = "the request body is longer than 1000 bytes: raise --max-body-bytes or send less";
    request(&server.address, "POST", ADDER, &[], &[b' '; 1001]).refused(413, text);
    let chunked = |length: usize| {
        let mut stream = support::client::connect(&server.address);
        let head = format!(
            "POST {ADDER} HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let chunk = format!("{length:x}\r\n{}\r\n0\r\n\r\n", " ".repeat(length));
        stream.write_all(chunk.as_bytes()).unwrap();
        support::client::answer(&mut *stream)
    };
    chunked(1001).refused(413, text);
    assert_eq!(chunked(1000).status, 400);
}

#[test]
fn paths_and_methods_outside_the_protocol() {
    let (server, _models) = server();
    get(&server.address, "/metrics")
        .refused(404, "path \"/metrics\" is not served: expected /v2, /v2/health/... or /v2/models/...");
    assert_eq!(get(&server.address, "/v2/models/%ff/ready").status, 404);
    get(&server.address, ADDER).refused(405, "method GET is not allowed here");
}
