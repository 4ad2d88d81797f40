//! Start and stop as a person and as Kubernetes see them: exit codes, termination messages, signals, sockets.
#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

mod support;

use support::client::{answer, connect, get};
use support::{Folder, Server, adder, onnx, person, run_to_end};

/// Starts over these models; returns the exit code and what the pod's status would show.
fn failed_start(models: &Folder) -> (i32, String) {
    let notes = Folder::new();
    notes.write("message", b"");
    let message = notes.0.join("message");
    let flags = ["--listen", "127.0.0.1:0", "--termination-message", message.to_str().unwrap()];
    let (code, _, log) = run_to_end(&[["--models", models.path()].as_slice(), &flags].concat());
    let message = std::fs::read_to_string(message).unwrap();
    let text = message.split_once(": ").expect("a reason and a text").1;
    let logged = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    assert!(logged.into_iter().any(|line| line["fields"]["message"] == text), "{log}");
    (code, message)
}

#[test]
fn a_model_that_cannot_be_loaded_ends_the_program_with_its_name_and_the_reason() {
    let whole = person();
    let frobnicate = onnx::one_node("Frobnicate", &[("x", onnx::FLOAT, &[1])], &[("y", onnx::FLOAT, &[1])]);
    let cases: [(&[u8], &str); 2] = [
        (&whole[..whole.len() / 2], "is corrupt: "),
        (&frobnicate, "is not supported: operator \"Frobnicate\" (node \"the-node\") is not implemented"),
    ];
    for (bytes, reason) in cases {
        let models = Folder::with_models(&[("good/1", &adder()), ("bad/4", bytes)]);
        let (code, message) = failed_start(&models);
        assert_eq!(code, 1);
        let file = format!("{}/bad/4/model.onnx", models.path());
        let start = format!("ModelLoadFailed: model \"bad\" version 4: model file {file} {reason}");
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn missing_files_and_versions_are_named() {
    let models = Folder::new();
    models.write("person/1/person.onnx", b"under the wrong name");
    let file = format!("{}/person/1/model.onnx", models.path());
    let text = format!("ModelLoadFailed: model \"person\" version 1: model file {file} does not exist");
    assert_eq!(failed_start(&models), (1, text));

    let models = Folder::new();
    models.write("person/model.onnx", b"without a version");
    let text = format!(
        "ModelLoadFailed: model \"person\" has no version: expected {}/person/<version>/model.onnx, the version a \
         whole number",
        models.path()
    );
    assert_eq!(failed_start(&models), (1, text));

    let models = Folder::new();
    let text = format!(
        "ModelLoadFailed: no model under {0}: expected {0}/<name>/<version>/model.onnx",
        models.path()
    );
    assert_eq!(failed_start(&models), (1, text));
}

#[test]
fn a_missing_models_folder_is_bad_configuration() {
    let (code, _, log) = run_to_end(&["--models", "/no/such/folder"]);
    assert_eq!(code, 78);
    assert!(log.contains("--models /no/such/folder cannot be read: No such file or directory"), "{log}");
}

#[test]
fn an_address_in_use_is_named() {
    let models = Folder::with_models(&[("adder/1", &adder())]);
    let server = Server::ready(&models, &[]);
    let (code, _, log) = run_to_end(&["--models", models.path(), "--listen", &server.address]);
    assert_eq!(code, 1);
    assert!(
        log.contains(&format!("failed to listen on {}: Address already in use", server.address)),
        "{log}"
    );
}

#[test]
fn usage() {
    for arguments in
        [&[][..], &["--models", "/m", "--listen", "nowhere"], &["--models", "/m", "--threads", "0"]]
    {
        assert_eq!(run_to_end(arguments).0, 64, "{arguments:?}");
    }
    let (code, help, _) = run_to_end(&["--help"]);
    assert_eq!(code, 0);
    for word in ["[default: 127.0.0.1:8000]", "[default: 67108864]", "in bytes", "in seconds", "Exit codes"] {
        assert!(help.contains(word), "{word:?} is not in {help}");
    }
    let (code, version, _) = run_to_end(&["--version"]);
    assert_eq!((code, version.trim()), (0, concat!("longshore-runtime ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_unix_socket_replaces_an_abandoned_one_and_goes_at_the_end() {
    let models = Folder::with_models(&[("adder/1", &adder())]);
    // Socket paths have at most 107 bytes, and a build folder may be deep.
    let folder = std::env::temp_dir().join(format!("longshore-runtime-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("http.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let address = format!("unix:{}", path.display());
    let mut server = Server::ready(&models, &["--listen", &address]);
    assert_eq!(server.address, address);
    assert_eq!(get(&address, "/v2/models/adder/ready").status, 200);
    server.signal("-TERM");
    assert_eq!(server.exit().code(), Some(0));
    assert!(!path.exists());
    std::fs::remove_dir(folder).unwrap();
}

#[test]
fn a_request_that_has_begun_is_answered_after_sigterm() {
    let models = Folder::with_models(&[("adder/1", &adder())]);
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::ready(&models, &[]);
        let idle = connect(&server.address);
        let body = r#"{"inputs":[{"name":"a","datatype":"FP32","shape":[1,2],"data":[1,2]},
            {"name":"b","datatype":"FP32","shape":[1,2],"data":[3,4]}]}"#;
        let mut stream = connect(&server.address);
        let head = format!(
            "POST /v2/models/adder/infer HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The server asks for the body: the request is inside.
        let mut interim = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut interim).unwrap();
        server.signal(signal);
        server.wait_for("draining");
        stream.write_all(body.as_bytes()).unwrap();
        let answer = answer(&mut *stream);
        assert_eq!(answer.json()["outputs"][0]["data"], serde_json::json!([4.0, 6.0]));
        assert_eq!(server.exit().code(), Some(0));
        drop(idle);
    }
}

#[test]
fn a_request_that_never_ends_is_cut_at_the_drain_limit() {
    let models = Folder::with_models(&[("adder/1", &adder())]);
    let mut server = Server::ready(&models, &["--drain-seconds", "0"]);
    let mut stream = connect(&server.address);
    let head = "POST /v2/models/adder/infer HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut interim = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut interim).unwrap();
    server.signal("-TERM");
    assert_eq!(server.exit().code(), Some(0));
}
