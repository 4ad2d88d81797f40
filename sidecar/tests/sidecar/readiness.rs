//! Ready means that the model computes.

use std::net::TcpListener;

use crate::{
    harness::{Sidecar, eventually, infer},
    server::{ANSWER, Server, answer},
};

const METADATA: &str = r#"{"name":"m","platform":"test","inputs":[
    {"name":"a","datatype":"FP32","shape":[2,3000]},{"name":"b","datatype":"INT64","shape":[1]}],"outputs":[]}"#;

#[test]
fn a_warm_up_of_zeros_precedes_the_first_request() {
    let server = Server::start();
    server.set_metadata(METADATA);
    let sidecar = Sidecar::start(&server);
    let seen = server.inferences();
    assert_eq!(seen.len(), 1);
    let body: serde_json::Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(body["inputs"][0]["name"], "a");
    assert_eq!(body["inputs"][0]["shape"], serde_json::json!([2, 3000]));
    assert_eq!(body["inputs"][0]["data"].as_array().unwrap().len(), 6000);
    assert_eq!(body["inputs"][1]["data"], serde_json::json!([0]));
    assert_eq!(sidecar.get("/v2/models/m/ready").status, 200);
}

#[test]
fn a_model_that_fails_its_warm_up_is_not_ready() {
    let server = Server::start();
    server.set_metadata(METADATA);
    server.script(|_, stream| answer(stream, "500 Internal Server Error", "no kernel image"));
    let sidecar = Sidecar::unready(&server, |_| {});
    eventually("the log", || sidecar.log().contains("no kernel image"));
    assert_eq!(sidecar.admin("/readyz").status, 503);
    assert_eq!(sidecar.admin("/servingz").status, 503);
    assert_eq!(sidecar.admin("/livez").status, 200);
    sidecar.infer("", "{}").refused(503, "model_not_ready");
    server.script(|_, stream| answer(stream, "200 OK", ANSWER));
    sidecar.wait_ready();
}

#[test]
fn a_shape_that_varies_is_not_guessed() {
    let server = Server::start();
    server.set_metadata(r#"{"inputs":[{"name":"a","datatype":"FP32","shape":[-1,3]}]}"#);
    let sidecar = Sidecar::start(&server);
    eventually("the log to say so", || sidecar.log().contains("no warm-up"));
    assert_eq!(server.inferences().len(), 0);
}

#[test]
fn readiness_follows_the_server() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    server.set_ready(false);
    eventually("unreadiness", || sidecar.admin("/readyz").status == 503);
    sidecar.infer("", "{}").refused(503, "model_not_ready");
    assert_eq!(sidecar.admin("/servingz").status, 200, "an explicit refusal is better than dropped packets");
    server.set_ready(true);
    sidecar.wait_ready();
    assert_eq!(sidecar.infer("", "{}").outcome(), "served");
}

#[test]
fn a_server_that_is_gone_is_an_outcome_at_once_and_taken_back_when_it_returns() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    assert_eq!(sidecar.infer("", "{}").outcome(), "served");
    server.stop();
    let gone = sidecar.infer("", "{}");
    assert!(
        matches!((gone.status, gone.outcome()), (502, "upstream_failed") | (503, "model_not_ready")),
        "{gone:?}"
    );
    eventually("unreadiness", || sidecar.infer("", "{}").outcome() == "model_not_ready");
    let _again = Server::on(TcpListener::bind(server.address).unwrap());
    sidecar.wait_ready();
    assert_eq!(sidecar.infer("", "{}").outcome(), "served");
}

#[test]
fn the_upstream_may_be_a_unix_socket() {
    let server = Server::start();
    let path = std::env::temp_dir().join(format!("longshore-upstream-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let address = server.address;
    std::thread::spawn(move || {
        for unix in listener.incoming().flatten() {
            let tcp = std::net::TcpStream::connect(address).unwrap();
            let (mut from, mut to) = (unix.try_clone().unwrap(), tcp.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            let (mut from, mut to) = (tcp, unix);
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
    });
    let upstream = format!("unix:{}", path.display());
    let sidecar = Sidecar::with(&server, |config| config["upstream"]["http"] = upstream.into());
    let mut client = sidecar.client();
    assert_eq!(client.ask(&infer("", "{}")).outcome(), "served");
    assert_eq!(server.inferences()[0].header("host"), Some("localhost"));
    let _ = std::fs::remove_file(&path);
}
