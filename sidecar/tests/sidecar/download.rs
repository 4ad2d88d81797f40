//! `fetch` and `verify`: what gets a name, what is resumed, and what the kubelet is told.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::Output,
    sync::{Arc, Mutex},
};

use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivateKeyDer};

use crate::harness::{Folder, binary};

const MODEL: &[u8] = b"the model, all of it";
const DIGEST: &str = "sha256:b1b7e1ebc7c5c6f6f7d2b8f3c5b3b8a2f4c57a3b4e1a9d0e8c7b6a5f4e3d2c1b";

type Stream = StreamOwned<ServerConnection, std::net::TcpStream>;

/// A server with a certificate of its own that answers each request as it is told to.
struct Site {
    port: u16,
    ca: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn start(answers: impl Fn(usize, &str, &mut Stream) + Send + 'static) -> Self {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], private)
            .unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let site = Self {
            port: listener.local_addr().unwrap().port(),
            ca: key.cert.pem(),
            requests: Arc::clone(&requests),
        };
        std::thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(connection, tcp));
                let (mut head, mut line) = (String::new(), String::new());
                while stream.read_line(&mut line).is_ok_and(|taken| taken > 2) {
                    head += &std::mem::take(&mut line).to_ascii_lowercase();
                }
                if head.is_empty() {
                    continue;
                }
                let count = {
                    let mut requests = requests.lock().unwrap();
                    requests.push(head.clone());
                    requests.len()
                };
                let stream = stream.get_mut();
                answers(count, &head, stream);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        site
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn fetch(&self, folder: &Folder, digest: &str, more: &[&str]) -> Output {
        let ca = folder.file("ca.pem", &self.ca);
        binary()
            .args(["fetch", "--url", &format!("https://localhost:{}/m.onnx", self.port), "--digest", digest])
            .args(["--retry-pause-ms", "1", "--tries", "3", "--ca"])
            .arg(ca)
            .arg("--to")
            .arg(folder.0.join("models/m/1/model.onnx"))
            .arg("--termination-log")
            .arg(folder.0.join("reason"))
            .args(more)
            .output()
            .unwrap()
    }
}

fn whole(stream: &mut Stream) {
    let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", MODEL.len());
    let _ = stream.write_all(MODEL);
}

fn status(stream: &mut Stream, line: &str, header: &str) {
    let _ = write!(stream, "HTTP/1.1 {line}\r\ncontent-length: 0\r\nconnection: close\r\n{header}\r\n");
}

fn digest_of_model() -> String {
    use sha2::Digest as _;
    wire::Digest::from_sha256(&sha2::Sha256::digest(MODEL).into()).to_string()
}

fn model(folder: &Folder) -> Option<Vec<u8>> {
    std::fs::read(folder.0.join("models/m/1/model.onnx")).ok()
}

fn reason(folder: &Folder) -> String {
    std::fs::read_to_string(folder.0.join("reason")).unwrap_or_default()
}

#[test]
fn a_model_is_fetched_once_and_found_the_second_time() {
    let (site, folder) = (Site::start(|_, _, stream| whole(stream)), Folder::new());
    for _ in 0..2 {
        let output = site.fetch(&folder, &digest_of_model(), &[]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(model(&folder).as_deref(), Some(MODEL));
    }
    assert_eq!(site.requests().len(), 1);
    assert!(reason(&folder).is_empty());
}

#[test]
fn an_interrupted_download_goes_on_where_it_stopped() {
    let site = Site::start(|count, _, stream| match count {
        1 => {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MODEL.len());
            let _ = stream.write_all(&MODEL[..7]);
        }
        2 => status(stream, "503 Service Unavailable", ""),
        _ => {
            let (rest, all) = (MODEL.len() - 7, MODEL.len());
            let range = format!("content-range: bytes 7-{}/{all}", all - 1);
            let _ =
                write!(stream, "HTTP/1.1 206 Partial Content\r\ncontent-length: {rest}\r\n{range}\r\n\r\n");
            let _ = stream.write_all(&MODEL[7..]);
        }
    });
    let folder = Folder::new();
    let output = site.fetch(&folder, &digest_of_model(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(model(&folder).as_deref(), Some(MODEL));
    assert!(!site.requests()[0].contains("range:"));
    assert!(site.requests()[2].contains("range: bytes=7-"), "{:?}", site.requests());
}

#[test]
fn a_server_that_cannot_resume_starts_over() {
    let (site, folder) = (Site::start(|_, _, stream| whole(stream)), Folder::new());
    std::fs::create_dir_all(folder.0.join("models/m/1")).unwrap();
    folder.file("models/m/1/model.onnx.partial", "half of another");
    assert_eq!(site.fetch(&folder, &digest_of_model(), &[]).status.code(), Some(0));
    assert_eq!(model(&folder).as_deref(), Some(MODEL));
}

#[test]
fn a_partial_file_that_is_longer_than_the_model_goes() {
    let site = Site::start(|_, head, stream| {
        if head.contains("range: bytes=") {
            status(
                stream,
                "416 Range Not Satisfiable",
                &format!("content-range: bytes */{}\r\n", MODEL.len()),
            );
        } else {
            whole(stream);
        }
    });
    let folder = Folder::new();
    std::fs::create_dir_all(folder.0.join("models/m/1")).unwrap();
    folder.file("models/m/1/model.onnx.partial", "longer than the model is, and another");
    assert_eq!(site.fetch(&folder, &digest_of_model(), &[]).status.code(), Some(0));
    assert_eq!(model(&folder).as_deref(), Some(MODEL));
}

#[test]
fn a_partial_file_that_is_complete_is_only_checked() {
    let site = Site::start(|_, _, stream| {
        status(stream, "416 Range Not Satisfiable", &format!("content-range: bytes */{}\r\n", MODEL.len()));
    });
    let folder = Folder::new();
    std::fs::create_dir_all(folder.0.join("models/m/1")).unwrap();
    folder.file("models/m/1/model.onnx.partial", MODEL);
    assert_eq!(site.fetch(&folder, &digest_of_model(), &[]).status.code(), Some(0));
    assert_eq!(model(&folder).as_deref(), Some(MODEL));
}

#[test]
fn another_digest_is_4_and_nothing_gets_the_name() {
    let (site, folder) = (Site::start(|_, _, stream| whole(stream)), Folder::new());
    let output = site.fetch(&folder, DIGEST, &[]);
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(reason(&folder), format!("DigestMismatch: expected {DIGEST} got {}", digest_of_model()));
    assert_eq!(model(&folder), None);
    assert!(!folder.0.join("models/m/1/model.onnx.partial").exists(), "a wrong file is not resumed");
}

#[test]
fn a_missing_model_is_3_at_once_and_a_broken_server_after_its_tries() {
    let (site, folder) = (Site::start(|_, _, stream| status(stream, "404 Not Found", "")), Folder::new());
    assert_eq!(site.fetch(&folder, DIGEST, &[]).status.code(), Some(3));
    assert_eq!(
        reason(&folder),
        format!("ModelDownloadFailed: GET https://localhost:{}/m.onnx: 404 Not Found", site.port)
    );
    assert_eq!(site.requests().len(), 1);
    let site = Site::start(|_, _, stream| status(stream, "500 Internal Server Error", ""));
    assert_eq!(site.fetch(&folder, DIGEST, &[]).status.code(), Some(3));
    assert_eq!(site.requests().len(), 3);
}

#[test]
fn redirects_go_to_allowed_hosts_only() {
    let folder = Folder::new();
    let site = Site::start(|count, _, stream| match count {
        1 => status(stream, "302 Found", "location: /other.onnx\r\n"),
        _ => whole(stream),
    });
    assert_eq!(site.fetch(&folder, &digest_of_model(), &[]).status.code(), Some(0));
    assert!(site.requests()[1].starts_with("get /other.onnx"));
    let other = Site::start(|_, _, stream| whole(stream));
    let with_port = format!("localhost:{}", other.port);
    let elsewhere = format!("https://{with_port}/x");
    let rows = [
        ("https://169.254.169.254/x", "other.example", false),
        ("http://localhost/x", "localhost", false),
        ("https://localhost.evil.example/x", "localhost", false),
        ("https://localhost:1/x", "localhost", false),
        (elsewhere.as_str(), "localhost", false),
        (elsewhere.as_str(), "localhost:443", false),
        (elsewhere.as_str(), with_port.as_str(), true),
        ("https://LOCALHOST/x", "localhost:443", true),
        ("https://localhost:443/x", "localhost", true),
    ];
    for (target, allowed, is_followed) in rows {
        let (folder, header) = (Folder::new(), format!("location: {target}\r\n"));
        let site = Site::start(move |_, _, stream| status(stream, "302 Found", &header));
        // Nobody is trusted at the other end, so that it fails in any case.
        assert_eq!(
            site.fetch(&folder, DIGEST, &["--allow-host", allowed]).status.code(),
            Some(3),
            "{target}"
        );
        let is_refused = reason(&folder).contains("not https to an allowed host");
        assert_eq!(is_refused, !is_followed, "{target} {allowed}: {}", reason(&folder));
    }
}

#[test]
fn without_a_digest_a_complete_download_is_taken() {
    let (site, folder) = (Site::start(|_, _, stream| whole(stream)), Folder::new());
    let ca = folder.file("ca.pem", &site.ca);
    let to = folder.0.join("model.onnx");
    let url = format!("https://localhost:{}/m.onnx", site.port);
    let status =
        binary().args(["fetch", "--url", &url, "--ca"]).arg(ca).arg("--to").arg(&to).status().unwrap();
    assert!(status.success());
    assert_eq!(std::fs::read(&to).unwrap(), MODEL);
}

#[test]
fn too_long_a_model_is_refused() {
    let (site, folder) = (Site::start(|_, _, stream| whole(stream)), Folder::new());
    assert_eq!(site.fetch(&folder, &digest_of_model(), &["--size-max", "19"]).status.code(), Some(3));
    assert!(reason(&folder).contains("longer than 19 bytes"), "{}", reason(&folder));
}

#[test]
fn an_unknown_authority_is_not_trusted_and_plain_http_is_not_spoken() {
    let (site, folder) = (Site::start(|_, _, stream| whole(stream)), Folder::new());
    let other = Site::start(|_, _, stream| whole(stream));
    let ca = folder.file("other.pem", &other.ca);
    let log = folder.0.join("reason");
    let run = |url: String| {
        let mut command = binary();
        command.args(["fetch", "--url", &url, "--digest", DIGEST, "--tries", "1", "--ca"]).arg(&ca);
        command
            .arg("--to")
            .arg(folder.0.join("x"))
            .arg("--termination-log")
            .arg(&log)
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(run(format!("https://localhost:{}/m.onnx", site.port)), Some(3));
    assert_eq!(run(format!("http://localhost:{}/m.onnx", site.port)), Some(3));
    assert!(site.requests().is_empty());
}

#[test]
fn verify_tells_right_wrong_and_missing_apart() {
    let folder = Folder::new();
    let file = folder.file("model.onnx", MODEL);
    let log = folder.0.join("reason");
    let run = |file: &std::path::Path, digest: &str| {
        let mut command = binary();
        command
            .arg("verify")
            .arg("--file")
            .arg(file)
            .args(["--digest", digest])
            .arg("--termination-log")
            .arg(&log);
        (command.output().unwrap().status.code(), reason(&folder))
    };
    assert_eq!(run(&file, &digest_of_model()), (Some(0), String::new()));
    let (code, line) = run(&file, DIGEST);
    assert_eq!(
        (code, line),
        (Some(4), format!("DigestMismatch: expected {DIGEST} got {}", digest_of_model()))
    );
    let missing = folder.0.join("missing.onnx");
    let (code, line) = run(&missing, DIGEST);
    assert_eq!(code, Some(3));
    assert!(line.starts_with("ModelLoadFailed: ") && line.contains(missing.to_str().unwrap()), "{line}");
}
