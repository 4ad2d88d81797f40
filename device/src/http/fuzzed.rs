//! Fuzz targets: what an endpoint says to a device, and what a person writes as its address.

use std::time::Duration;

use bytes::Bytes;
use engine::classify::classify;
use http::Response;

use super::{connection::Received, reply, url::EdgeUrl};

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "-1",
    "1e999",
    "0",
    "4",
    "\"outputs\":",
    "\"name\":\"probabilities\"",
    "\"datatype\":\"FP32\"",
    "\"datatype\":\"BYTES\"",
    "\"datatype\":\"INT64\"",
    "\"shape\":[1,2]",
    "\"shape\":[]",
    "\"shape\":[18446744073709551615,2]",
    "\"data\":[0.1,0.9]",
    "\"parameters\":{\"binary_data_size\":8}",
    "\u{0}",
    "\n",
    "served",
    "expired",
    "JSON {}",
];

/// The first three lines are header values, the rest is the body.
fn received(bytes: &[u8]) -> Option<Received> {
    let mut parts = bytes.splitn(4, |byte| *byte == b'\n');
    let mut response = Response::builder().status(200);
    for name in [wire::header::OUTCOME, wire::header::INFERENCE_HEADER_CONTENT_LENGTH, wire::header::LOAD] {
        let value = parts.next()?;
        if !value.is_empty() {
            response = response.header(name, value);
        }
    }
    let body = Bytes::copy_from_slice(parts.next()?);
    let (parts, ()) = response.body(()).ok()?.into_parts();
    Some(Received { parts, body, elapsed: Duration::from_millis(5) })
}

#[test]
fn fuzzed_replies() {
    let json: &[u8] = b"served\n\nJSON {}\n{\"outputs\":[{\"name\":\"probabilities\",\"datatype\":\"FP32\",\"shape\":[1,2],\"data\":[0.1,0.9]}]}";
    let binary = [
        &b"\n118\n\n{\"model_name\":\"gauge\",\"outputs\":[{\"name\":\"p\",\"datatype\":\"FP32\",\"shape\":[2],\"parameters\":{\"binary_data_size\":8}}]}  "[..],
        &[0, 0, 0, 0, 0, 0, 0x80, 0x3f],
    ]
    .concat();
    let refusal: &[u8] =
        b"too_late\n\n\n{\"outcome\":\"too_late\",\"advice\":\"local\",\"estimatedWaitMilliseconds\":12}";
    let labels = ["background".to_owned(), "person".into()];
    fuzz::run(&[json, &binary, refusal], WORDS, |bytes| {
        let received = received(bytes)?;
        let reply = reply::read(&received, "gauge", reply::Asked::Stranger, 10);
        let read = reply.as_ref().map(|reply| {
            let total: usize = reply.tensors.iter().map(|tensor| tensor.data.len()).sum();
            assert!(total <= 4 * received.body.len(), "an answer is not larger than what came");
            assert!(
                reply.load.is_none_or(|load| load.wait_us.is_finite() && load.wait_us >= 0.0),
                "{:?}",
                reply.load
            );
            classify(&reply.tensors, &labels, 1.5).is_ok_and(|class| {
                assert!(class.index < labels.len() && class.confidence.is_finite(), "{class:?}");
                true
            })
        });
        Some(read.map_err(|reason| {
            reason.chars().filter(|char| char.is_alphabetic()).take(12).collect::<String>()
        }))
    });
}

#[test]
fn fuzzed_urls() {
    let words = ["http://", "https://", "@", ":", "80", "[::1]", "/", "?", "#", "..", "%41", "65536"];
    fuzz::run(&[b"http://192.0.2.1:30080", b"http://[::1]:80/", b"http://Edge.example"], &words, |bytes| {
        let url = String::from_utf8_lossy(bytes).parse::<EdgeUrl>();
        if let Ok(url) = &url {
            assert_eq!(url.to_string().parse::<EdgeUrl>().as_ref(), Ok(url));
            assert!(!url.host().is_empty() && !url.authority().contains(['@', '/', '?', '#', ' ']), "{url}");
        }
        url.is_ok()
    });
}
