//! One request on one connection, and the answer taken apart.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use serde_json::Value;

/// What the server sent.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The JSON part and the bytes behind it.
    pub fn parts(&self) -> (Value, &[u8]) {
        let length =
            self.header("inference-header-content-length").expect("a binary answer").parse().unwrap();
        let (json, binary) = self.body.split_at(length);
        (serde_json::from_slice(json).unwrap(), binary)
    }

    #[track_caller]
    pub fn refused(&self, status: u16, message: &str) {
        assert_eq!((self.status, self.json()["error"].as_str()), (status, Some(message)));
    }
}

pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

pub fn connect(address: &str) -> Box<dyn Stream> {
    match address.strip_prefix("unix:") {
        Some(path) => Box::new(UnixStream::connect(path).unwrap()),
        None => Box::new(TcpStream::connect(address).unwrap()),
    }
}

pub fn get(address: &str, path: &str) -> Answer {
    request(address, "GET", path, &[], b"")
}

/// POST of JSON.
pub fn post(address: &str, path: &str, json: &Value) -> Answer {
    request(address, "POST", path, &[], json.to_string().as_bytes())
}

/// POST of JSON with bytes behind it.
pub fn post_binary(address: &str, path: &str, json: &Value, binary: &[u8]) -> Answer {
    let json = json.to_string();
    let header = ("Inference-Header-Content-Length", json.len().to_string());
    request(address, "POST", path, &[header], &[json.as_bytes(), binary].concat())
}

pub fn request(address: &str, method: &str, path: &str, headers: &[(&str, String)], body: &[u8]) -> Answer {
    let mut stream = connect(address);
    let extra: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n{extra}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(body);
    answer(&mut *stream)
}

/// Reads to the end of the connection.
pub fn answer(stream: &mut dyn Stream) -> Answer {
    let mut bytes = Vec::new();
    // A reset after the answer leaves the answer.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}
