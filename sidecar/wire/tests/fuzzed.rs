//! Fuzz targets: what crosses a process, read from anything. What is taken says the same when it is written down again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fmt::Debug, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use wire::{
    Digest, EndpointInfo, LoadReport, NodeTable, Outcome, PolicyBundle, Problem,
    grpc::{self, FrameHead},
    load::NamedMetrics,
    name,
    path::Target,
    protobuf,
    routes::{PeerTable, RouteQuestion},
};

const JSON: &[&str] = &[
    "{", "}", "[", "]", "\"", ":", ",", "null", "true", "1e999", "-0", "0.1", "1e-400", "\\u0000", "\\",
    "{}", "[]", "\"a\":", "9",
];

/// Reads a value; one that is taken is the same after it was written and read again.
fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(text).ok()?;
    let written = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&written).unwrap(), value, "{written}");
    Some(value)
}

#[test]
fn fuzzed_paths() {
    let examples: [&[u8]; 4] =
        [b"/v2", b"/v2/models/m-1.x/versions/12/infer", b"/v2/models/m-1.x/ready", b"/v1alpha1/load"];
    let words = [
        "/",
        "//",
        "/..",
        "%2f",
        "versions/",
        "infer",
        "ready",
        "m-1.x",
        "load",
        "/v2",
        "health/live",
        "?",
        "#",
        "0",
    ];
    fuzz::run(&examples, &words, |bytes| {
        let path = String::from_utf8_lossy(bytes);
        let target = Target::parse(&path, "m-1.x");
        // Each of them written out, with a version where there is one.
        let version = path.split('/').nth(5).filter(|version| name::is_version(version)).unwrap_or("1");
        let model = ["/v2/models/m-1.x".to_owned(), format!("/v2/models/m-1.x/versions/{version}")];
        let mut relays = vec!["/v2".to_owned(), "/v2/health/live".into(), "/v2/health/ready".into()];
        relays.extend(model.iter().flat_map(|model| [model.clone(), format!("{model}/ready")]));
        let want = match &*path {
            "/v1alpha1/load" => Some(Target::Load),
            "/v1alpha1/endpoint" => Some(Target::Endpoint),
            "/v1alpha1/policy" => Some(Target::Policy),
            path if model.iter().any(|model| path == format!("{model}/infer")) => Some(Target::Infer),
            path if relays.iter().any(|relay| path == relay) => Some(Target::Relay),
            _ => None,
        };
        assert_eq!(target, want, "{path}");
        target
    });
}

#[test]
fn fuzzed_timeouts() {
    fuzz::run(&[b"100m", b"99999999H", b"1n"], &["H", "M", "S", "m", "u", "n", "+", "0", "9"], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let read = grpc::timeout(&text);
        if let Some(left) = read {
            assert!(text.len() <= 9 && text.is_ascii());
            let again = grpc::timeout(&grpc::timeout_text(left)).unwrap();
            let bounds = (Duration::from_millis(1), Duration::from_millis(99_999_999));
            assert_eq!(again.as_millis(), left.clamp(bounds.0, bounds.1).as_millis());
        }
        (read.is_some(), text.chars().last().filter(char::is_ascii_alphanumeric))
    });
}

#[test]
fn fuzzed_messages() {
    let mut message = protobuf::text("name");
    protobuf::double(&mut message, 2, 0.5);
    protobuf::bytes(&mut message, 3, &protobuf::packed(&[1, 300, u64::MAX]));
    let words = ["\n", "\u{8}\u{1}", "\u{12}", "\u{0}", "\u{7f}\u{7f}"];
    fuzz::run(&[&message, &grpc::frame(&message), b"\x08\x01\x15\0\0\0\0"], &words, |bytes| {
        let fields: Vec<(u64, &[u8])> = protobuf::byte_fields(bytes).collect();
        let mut again = Vec::new();
        for (number, value) in &fields {
            let place = bytes.as_ptr_range();
            assert!(value.is_empty() || place.contains(&value.as_ptr()), "it is a part of the message");
            if let Ok(number @ 1..16) = u8::try_from(*number) {
                protobuf::bytes(&mut again, number, value);
            }
        }
        let written: Vec<(u64, &[u8])> = protobuf::byte_fields(&again).collect();
        let small: Vec<(u64, &[u8])> =
            fields.iter().copied().filter(|(number, _)| (1..16).contains(number)).collect();
        assert_eq!(written, small);
        let numbers = protobuf::unpacked(bytes);
        assert_eq!(protobuf::unpacked(&protobuf::packed(&numbers)), numbers);
        let head = FrameHead::parse(bytes);
        if let Some(head) = head.filter(|head| !head.compressed) {
            assert_eq!(&grpc::frame_head(head.length), &bytes[..grpc::FRAME_HEAD_BYTES]);
        }
        (fields.len().min(5), numbers.len().min(5), head.map(|head| head.compressed))
    });
}

/// Fields of a load report by a reader of its own: doubles by their numbers, and the named ones.
fn figures(mut message: &[u8]) -> Vec<(String, f64)> {
    let mut figures = Vec::new();
    while let [key, rest @ ..] = message {
        let (number, kind) = (key >> 3, key & 7);
        if kind == 1 {
            let (value, rest) = rest.split_first_chunk::<8>().unwrap();
            figures.push((number.to_string(), f64::from_le_bytes(*value)));
            message = rest;
            continue;
        }
        assert_eq!((number, kind), (8, 2));
        let (entry, rest) = rest[1..].split_at(rest[0].into());
        let (name, value) = entry[2..].split_at(entry[1].into());
        let (name, value) = (String::from_utf8(name.to_vec()).unwrap(), &value[1..]);
        figures.push((name, f64::from_le_bytes(value.try_into().unwrap())));
        message = rest;
    }
    figures
}

#[test]
fn fuzzed_load_reports() {
    let full = LoadReport { application_utilization: 1.5, rps_fractional: 2.25, ..LoadReport::default() }
        .to_json_header();
    let words =
        [JSON, &["JSON ", "TEXT ", "\"eps\":", "\"named_metrics\":", "\"queued\":", "\"draining\":1"]]
            .concat();
    fuzz::run(
        &[full.as_bytes(), b"JSON {}", b"JSON {\"named_metrics\":{\"queued\":3,\"in_flight\":1}}"],
        &words,
        |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let report = LoadReport::from_json_header(&text).ok()?;
            // serde_json reads long numbers with an error in their last digit.
            let again = LoadReport::from_json_header(&report.to_json_header()).unwrap();
            let near = |(one, other): ((String, f64), (String, f64))| {
                one.0 == other.0 && (one.1 - other.1).abs() <= 1e-12 * one.1.abs()
            };
            let both = figures(&again.to_protobuf()).into_iter().zip(figures(&report.to_protobuf()));
            assert!(both.into_iter().all(near), "{again:?}");
            let named = report.named_metrics.clone();
            let want = [
                ("9", report.application_utilization),
                ("6", report.rps_fractional),
                ("7", report.eps),
                ("1", report.cpu_utilization),
                ("2", report.mem_utilization),
                ("in_flight", named.in_flight),
                ("queued", named.queued),
                ("estimated_wait_ms", named.estimated_wait_ms),
                ("service_p50_ms", named.service_p50_ms),
                ("service_p95_ms", named.service_p95_ms),
                ("draining", named.draining),
                ("not_ready", named.not_ready),
            ];
            let want: Vec<(String, f64)> = want
                .into_iter()
                .filter(|(_, value)| *value != 0.0)
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            assert_eq!(figures(&report.to_protobuf()), want);
            assert_eq!(LoadReport::from_protobuf(&report.to_protobuf()), report);
            assert_eq!(report.to_text_header().matches('=').count(), want.len());
            for header in [report.to_json_header(), report.to_text_header(), report.to_binary_header()] {
                assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{header}");
            }
            Some(want.len())
        },
    );
}

/// What a peer streams.
#[test]
fn fuzzed_load_messages() {
    let full = LoadReport {
        application_utilization: 1.5,
        named_metrics: NamedMetrics { queued: 2.0, not_ready: 1.0, ..NamedMetrics::default() },
        ..LoadReport::default()
    };
    fuzz::run(&[&full.to_protobuf(), b""], &["queued", "eps", "draining", "B\u{12}\n\u{6}"], |bytes| {
        let report = LoadReport::from_protobuf(bytes);
        let again = LoadReport::from_protobuf(&report.to_protobuf());
        // Not a number is no number's equal.
        assert_eq!(again.to_protobuf(), report.to_protobuf());
        Some(figures(&report.to_protobuf()).len())
    });
}

/// What devices ask and peers tell.
#[test]
fn fuzzed_routes() {
    let question = br#"{"model":{"name":"m","digest":"sha256:"},"payloadBytes":1,"deadlineMilliseconds":2,"dataClass":"Public",
        "device":{"class":"c","zoneHint":"z"},"observed":[{"endpointId":"e","rttMilliseconds":1.5}],"exclude":["x"]}"#;
    let table = br#"{"model":"m","pods":[{"instance":"i","endpointId":"e","maxConcurrency":4,"load":{}}]}"#;
    fuzz::run(
        &[question, table],
        &[JSON, &["\"model\":", "\"pods\":", "\"load\":", "1e39"]].concat(),
        |bytes| {
            let question = again::<RouteQuestion>(bytes).map(|question| question.observed.len());
            (question, again::<PeerTable>(bytes).map(|table| table.pods.len()))
        },
    );
}

#[test]
fn fuzzed_bundles() {
    let bundle = br#"{"revision":"4-6f","offloadUid":"u","model":{"name":"m","version":"3","sizeBytes":8,"labels":["a"]},
        "policy":{"mode":"OffloadOnly","batteryLowPercent":35,"fallback":"Fail","dataClass":"Restricted"},
        "deadlines":{"defaultMilliseconds":200,"maxMilliseconds":2000},"maxPayloadBytes":1024,
        "endpoints":[{"name":"edge-1","url":"http://a:1"}],"serviceTimes":{"p50Microseconds":1,"p95Microseconds":2}}"#;
    let info = br#"{"endpointId":"e","url":"","zone":"z","model":{"name":"m"},"maxConcurrency":4}"#;
    let problem = br#"{"outcome":"too_late","advice":"local","estimatedWaitMilliseconds":12}"#;
    let words = [
        JSON,
        &[
            "\"mode\":",
            "\"LocalOnly\"",
            "\"digest\":",
            "\"sha256:",
            "\"served\"",
            "\"nodes\":[]",
            "-1",
            "256",
        ],
    ]
    .concat();
    fuzz::run(&[bundle, info, problem, b"{\"nodes\":[{\"name\":\"a\",\"url\":\"b\"}]}"], &words, |text| {
        let bundle = again::<PolicyBundle>(text).is_some();
        (
            bundle,
            again::<EndpointInfo>(text).is_some(),
            again::<NodeTable>(text).is_some(),
            again::<Problem>(text).is_some(),
        )
    });
}

#[test]
fn fuzzed_words() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let words = [
        "sha256:",
        "a",
        "A",
        "0",
        "-",
        "..",
        "_",
        ".",
        "/",
        "\n",
        "served",
        "_late",
        "model_not_ready",
        "not_found",
    ];
    fuzz::run(&[digest.as_bytes(), b"too_late", b"person-detect", b"12"], &words, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let read = text.parse::<Digest>();
        let hex = text.strip_prefix("sha256:").filter(|hex| hex.len() == 64);
        let is_digest = hex.is_some_and(|hex| hex.chars().all(|char| "0123456789abcdef".contains(char)));
        assert_eq!(read.is_ok(), is_digest, "{text}");
        assert!(read.as_ref().map_or(true, |digest| digest.to_string() == text));
        let outcome = text.parse::<Outcome>().ok();
        assert!(outcome.is_none_or(|outcome| outcome.word() == text));
        let (model, version) = (name::is_model(&text), name::is_version(&text));
        assert!(!model || !text.contains(['/', '%', '\\', ' ']) && !text.contains("..") && text.len() <= 63);
        assert!(!version || text.parse::<u32>().is_ok_and(|number| number.to_string() == text && number > 0));
        (is_digest, outcome, model, version)
    });
}
