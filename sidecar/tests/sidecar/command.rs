//! The command line: exit codes and messages that name the key and the fix.

use std::process::Output;

use crate::harness::{Folder, binary};

fn run(arguments: &[&str]) -> Output {
    binary().args(arguments).env_remove("POD_IP").output().unwrap()
}

fn with_config(text: &str) -> (Option<i32>, String) {
    let folder = Folder::new();
    let file = folder.file("config.yaml", text);
    let output = run(&["--config", file.to_str().unwrap()]);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn help_and_version_are_answers() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8(help.stdout).unwrap().contains("Exit codes"));
    let version = run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(version.stdout).unwrap(),
        concat!("longshore-sidecar ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn bad_usage_is_64() {
    for arguments in [&[][..], &["--what"], &["--config"], &["drain"], &["fetch", "--url", "x"], &["what"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
    }
}

#[test]
fn a_key_nobody_knows_is_78_with_its_name_and_line() {
    let (code, log) = with_config(
        "listen: 127.0.0.1:0\nupstream: {http: \"http://127.0.0.1:1\"}\nmodel: {name: m}\nlimits:\n  conections: 3\n",
    );
    assert_eq!(code, Some(78));
    assert!(log.contains("conections") && log.contains("line 5"), "{log}");
}

#[test]
fn each_bad_value_is_78_and_its_key_is_named() {
    let good = "listen: 127.0.0.1:0\nupstream: {http: \"http://127.0.0.1:1\"}\nmodel: {name: m}\n";
    let tls = "tls: {certificateFile: /c, keyFile: /k";
    let mutual = format!("{tls}, clientCaFile: /a}}\nauth: MutualTls\n");
    let quota = "{inFlightPerDevice: 4, serverMillisecondsPerSecond: 200}";
    let jwt = |issuer: &str, audience: &str, algorithm: &str| {
        format!(
            "{{Jwt: {{issuer: \"{issuer}\", audiences: [{audience}], algorithms: [{algorithm}], jwksFile: /j}}}}"
        )
    };
    let cases = [
        ("model.name", good.replace("name: m", "name: M/..")),
        ("model.version", good.replace("name: m", "name: m, version: \"0\"")),
        ("listen", good.replace("127.0.0.1:0", "everywhere")),
        ("admin", format!("{good}admin: $(POD_IP):9090\n")),
        ("upstream.http", good.replace("http://127.0.0.1:1", "https://127.0.0.1:1")),
        ("upstream.http", good.replace("http://127.0.0.1:1", "unix:relative")),
        ("admission.maxConcurrency", format!("{good}admission: {{maxConcurrency: 0}}\n")),
        ("admission.maxTimeoutMilliseconds", format!("{good}admission: {{maxTimeoutMilliseconds: 1}}\n")),
        ("limits.idleMilliseconds", format!("{good}limits: {{idleMilliseconds: 0}}\n")),
        ("limits.tlsHandshakeMilliseconds", format!("{good}limits: {{tlsHandshakeMilliseconds: 0}}\n")),
        ("limits.headers", format!("{good}limits: {{headers: 257}}\n")),
        ("limits.loadStreams", format!("{good}limits: {{loadStreams: 0}}\n")),
        // Its fix depends on whether the program was built with the feature.
        ("traceCollector", format!("{good}traceCollector: 127.0.0.1\n")),
        ("limits.loadMinIntervalMilliseconds", format!("{good}limits: {{loadMinIntervalMilliseconds: 0}}\n")),
        (
            "limits.loadMaxIntervalMilliseconds",
            format!("{good}limits: {{loadMaxIntervalMilliseconds: 999}}\n"),
        ),
        (
            "minimumVersion",
            format!("{good}tls: {{certificateFile: /c, keyFile: /k, minimumVersion: \"1.1\"}}\n"),
        ),
        ("keyFile", format!("{good}tls: {{certificateFile: /nonexistent}}\n")),
        ("digest", good.replace("name: m", "name: m, digest: abc")),
        ("auth", format!("{good}auth: Jwt\n")),
        ("tls: set it", format!("{good}auth: MutualTls\n")),
        ("tls: set it", format!("{good}auth: {}\n", jwt("i", "a", "ES256"))),
        ("tls.clientCaFile", format!("{good}{tls}}}\nauth: MutualTls\n")),
        ("tls.clientCaFile", format!("{good}{tls}, clientCaFile: /a}}\nauth: None\n")),
        ("auth.Jwt.issuer", format!("{good}{tls}}}\nauth: {}\n", jwt("", "a", "ES256"))),
        ("auth.Jwt.audiences", format!("{good}{tls}}}\nauth: {}\n", jwt("i", "", "ES256"))),
        ("auth.Jwt.algorithms", format!("{good}{tls}}}\nauth: {}\n", jwt("i", "a", ""))),
        ("quota: take it out", format!("{good}quota: {quota}\n")),
        ("quota.inFlightPerDevice", format!("{good}{mutual}quota: {}\n", quota.replace("4", "0"))),
        (
            "quota.serverMillisecondsPerSecond",
            format!("{good}{mutual}quota: {}\n", quota.replace("200", "0")),
        ),
        ("HS256", format!("{good}{tls}}}\nauth: {}\n", jwt("i", "a", "HS256"))),
        ("none", format!("{good}{tls}}}\nauth: {}\n", jwt("i", "a", "none"))),
        ("listen", "upstream: {http: \"http://127.0.0.1:1\"}\nmodel: {name: m}\n".into()),
    ];
    for (key, text) in cases {
        let (code, log) = with_config(&text);
        assert_eq!(code, Some(78), "{key}: {log}");
        assert!(log.contains(key), "{key}: {log}");
    }
}

#[test]
fn a_file_that_is_not_there_is_78_and_a_port_that_is_taken_is_1() {
    let output = run(&["--config", "/nonexistent.yaml"]);
    assert_eq!(output.status.code(), Some(78));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (code, log) = with_config(&format!(
        "listen: {address}\nadmin: 127.0.0.1:0\nupstream: {{http: \"http://127.0.0.1:1\"}}\nmodel: {{name: m}}\n"
    ));
    assert_eq!(code, Some(1));
    assert!(log.contains(&address.to_string()), "{log}");
}
