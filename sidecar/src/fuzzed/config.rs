//! The configuration file: what is taken has no bound of nothing, and says the same when it is written down again.

use wire::SidecarConfig;

use crate::config::{Error, parse};

const EXAMPLES: &[&[u8]] = &[
    b"listen: 0.0.0.0:8080\nupstream: {http: \"http://127.0.0.1:8000\"}\nmodel: {name: m}\n",
    b"listen: \"[::]:8080\"\nadmin: $(POD_IP):9090\nupstream:\n  grpc: unix:/run/model/grpc.sock\nmodel:\n  name: m\n  version: \"3\"\n  labels: [a, b]\nlimits: {connections: 3, headers: 1}\ndrain: {quietMilliseconds: 1}\n",
    b"listen: 1.2.3.4:1\nupstream: {http: \"http://[::1]:8000/\"}\nmodel: {name: m}\ntls: {certificateFile: a, keyFile: b, clientCaFile: c, minimumVersion: \"1.2\"}\nauth: MutualTls\nquota: {inFlightPerDevice: 1, serverMillisecondsPerSecond: 9}\n",
    b"listen: 1.2.3.4:1\nupstream: {http: \"http://a:1\"}\nmodel: {name: m}\nauth: {Jwt: {issuer: i, audiences: [a], algorithms: [ES256], jwksFile: f}}\ntls: {certificateFile: a, keyFile: b}\nadmission: {maxConcurrency: 2, defaultTimeoutMilliseconds: 5}\n",
];
const WORDS: &[&str] = &[
    "\n",
    "\n  ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "|",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "~",
    "null",
    "#",
    "\t",
    "0",
    "-1",
    "1e3",
    ".inf",
    "limits:",
    "connections: ",
    "headers: 0",
    "keepAliveMilliseconds: ",
    "streamWindowBytes: ",
    "admission:",
    "maxTimeoutMilliseconds: ",
    "quota:",
    "auth: None",
    "tls:",
    "unix:/",
    "http://",
    "$(POD_IP)",
    "model:",
    "name: ..",
];

#[test]
fn fuzzed_config() {
    fuzz::run(EXAMPLES, WORDS, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let read = parse(&text, |_| Some("192.0.2.1".into()));
        if let Ok(config) = &read {
            let raw: SidecarConfig = serde_saphyr::from_str(&text).unwrap();
            let again = serde_json::to_string(&raw).unwrap();
            assert_eq!(serde_saphyr::from_str::<SidecarConfig>(&again).unwrap(), raw);
            let limits = &config.limits;
            assert!(
                limits.connections > 0 && limits.headers > 0 && limits.header_bytes > 0 && limits.uploads > 0
            );
            assert!(!limits.pace.window.is_zero() && limits.pace.window_bytes_min > 0);
            assert!(config.admission.concurrency > 0 && !config.admission.timeout_default.is_zero());
            assert!(config.admission.timeout_default <= config.admission.timeout_max);
            assert!(config.upstream.http.is_some() || config.upstream.grpc.is_some());
            assert!(config.auth == wire::config::Auth::None || config.tls.is_some());
        }
        match read {
            Ok(_) => "taken".to_owned(),
            Err(Error::Key { key, .. }) => key.to_owned(),
            Err(Error::Syntax(error)) => {
                error.to_string().chars().filter(|char| char.is_alphabetic()).take(12).collect()
            }
        }
    });
}
