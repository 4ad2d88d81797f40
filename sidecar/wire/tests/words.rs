//! Paths, names, digests and load reports: what is read and what is not.

use wire::{
    Digest, LoadReport, grpc, load::NamedMetrics, name, path, path::Target, protobuf, routes::RouteQuestion,
};

#[track_caller]
fn check(path: &str, want: Option<Target>) {
    assert_eq!(Target::parse(path, "person-detect"), want, "{path}");
}

#[test]
fn listed_paths_are_found() {
    for relayed in [
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/person-detect",
        "/v2/models/person-detect/ready",
        "/v2/models/person-detect/versions/3",
        "/v2/models/person-detect/versions/3/ready",
    ] {
        check(relayed, Some(Target::Relay));
    }
    check("/v2/models/person-detect/infer", Some(Target::Infer));
    check("/v2/models/person-detect/versions/12/infer", Some(Target::Infer));
    check(path::LOAD, Some(Target::Load));
    check(path::ENDPOINT, Some(Target::Endpoint));
    check(path::POLICY, Some(Target::Policy));
    check(&path::infer("person-detect"), Some(Target::Infer));
    check(&path::model("person-detect"), Some(Target::Relay));
    check(&path::model_ready("person-detect"), Some(Target::Relay));
}

#[test]
fn everything_else_is_not_there() {
    for absent in [
        "",
        "/",
        "/v2/",
        "/V2",
        "/v2/models",
        "/v2/models/",
        "/v2/models/other/infer",
        "/v2/models/person-detect/",
        "/v2/models/person-detect/infer/",
        "/v2/models/person-detect/infer/x",
        "/v2/models/person-detect//infer",
        "/v2/models/person-detect/%69nfer",
        "/v2/models/person-detect/../other/infer",
        "/v2/models/person-detect/versions",
        "/v2/models/person-detect/versions/",
        "/v2/models/person-detect/versions/0/infer",
        "/v2/models/person-detect/versions/01/infer",
        "/v2/models/person-detect/versions/-1/infer",
        "/v2/models/person-detect/config",
        "/v2/models/person-detect/stats",
        "/v2/repository/index",
        "/v2/repository/models/person-detect/load",
        "/v2/systemsharedmemory/status",
        "/metrics",
        "/v1alpha1",
        "/v1alpha1/load/",
    ] {
        check(absent, None);
    }
}

#[test]
fn only_inference_is_posted() {
    assert_eq!(Target::Infer.method(), "POST");
    for target in [Target::Relay, Target::Load, Target::Endpoint, Target::Policy] {
        assert_eq!(target.method(), "GET");
    }
}

#[test]
fn names_and_versions_keep_to_their_grammar() {
    for good in ["a", "person-detect", "yolo_v8.1", "0", &"a".repeat(63)] {
        assert!(name::is_model(good), "{good}");
    }
    for bad in ["", "-a", "a-", ".a", "a..b", "A", "a/b", "a b", "ä", &"a".repeat(64)] {
        assert!(!name::is_model(bad), "{bad}");
    }
    for (version, is) in
        [("1", true), ("999999999", true), ("1000000000", false), ("0", false), ("", false), ("v1", false)]
    {
        assert_eq!(name::is_version(version), is, "{version}");
    }
}

#[test]
fn digests_have_one_form() {
    let text = format!("sha256:{}", "0a".repeat(32));
    let digest: Digest = text.parse().unwrap();
    assert_eq!(digest.as_str(), text);
    assert_eq!(Digest::from_sha256(&[0x0a; 32]), digest);
    assert_eq!(serde_json::from_value::<Digest>(text.clone().into()).unwrap(), digest);
    for bad in [
        "",
        "0a",
        &text[7..],
        &text[..70],
        &format!("{text}0"),
        &text.to_uppercase(),
        &text.replace("256", "512"),
    ] {
        assert!(bad.parse::<Digest>().is_err(), "{bad}");
        assert!(serde_json::from_value::<Digest>((*bad).into()).is_err(), "{bad}");
    }
}

#[test]
fn a_load_report_survives_its_header_and_has_only_the_keys_that_envoy_knows() {
    let report = LoadReport {
        application_utilization: 1.25,
        rps_fractional: 40.5,
        named_metrics: NamedMetrics { in_flight: 4.0, estimated_wait_ms: 18.0, ..NamedMetrics::default() },
        ..LoadReport::default()
    };
    let header = report.to_json_header();
    assert_eq!(LoadReport::from_json_header(&header).unwrap(), report);
    let known = [
        "application_utilization",
        "rps_fractional",
        "eps",
        "cpu_utilization",
        "mem_utilization",
        "named_metrics",
    ];
    let value: serde_json::Value = serde_json::from_str(header.strip_prefix("JSON ").unwrap()).unwrap();
    for key in value.as_object().unwrap().keys() {
        assert!(known.contains(&key.as_str()), "{key}");
    }
    assert_eq!(
        report.to_text_header(),
        "TEXT application_utilization=1.25, rps_fractional=40.5, named_metrics.in_flight=4, \
         named_metrics.estimated_wait_ms=18"
    );
    assert!(LoadReport::from_json_header("TEXT eps=1").is_err());
    assert!(LoadReport::from_json_header("JSON {").is_err());
}

#[test]
fn a_load_report_as_protobuf_is_what_googles_encoder_makes_of_it() {
    let report = LoadReport {
        application_utilization: 1.25,
        rps_fractional: 40.5,
        cpu_utilization: 0.5,
        named_metrics: NamedMetrics { in_flight: 4.0, ..NamedMetrics::default() },
        ..LoadReport::default()
    };
    let fields = [
        "0900_0000_0000_00e0_3f",
        "31_0000_0000_0040_4440",
        "4214_0a09_696e_5f66_6c69_6768_7411_0000_0000_0000_1040",
        "49_0000_0000_0000_f43f",
    ];
    // Order of fields is the encoder's choice.
    let ours = [3, 1, 0, 2].map(|index| fields[index].replace('_', "")).concat();
    assert_eq!(hexadecimal(&report.to_protobuf()), ours);
    assert_eq!(
        report.to_binary_header(),
        "SQAAAAAAAPQ/MQAAAAAAQERACQAAAAAAAOA/QhQKCWluX2ZsaWdodBEAAAAAAAAQQA=="
    );
    assert_eq!(LoadReport::default().to_binary_header(), "");
}

#[test]
fn fields_are_read_back_and_broken_messages_end() {
    let shape = [1, 300, u64::MAX];
    assert_eq!(protobuf::unpacked(&protobuf::packed(&shape)), shape);
    let mut message = protobuf::text("x");
    protobuf::double(&mut message, 2, 1.0);
    protobuf::number(&mut message, 3, 300);
    message.extend([4 << 3 | 5, 0, 0, 0, 0]);
    protobuf::bytes(&mut message, 5, b"y");
    let read = |message: &[u8]| protobuf::byte_fields(message).count();
    let all: Vec<(u64, &[u8])> = protobuf::byte_fields(&message).collect();
    assert_eq!(all, [(1, b"x" as &[u8]), (5, b"y")]);
    let numbers: Vec<(u64, u64)> = protobuf::number_fields(&message).collect();
    assert_eq!(numbers, [(3, 300)]);
    assert_eq!(read(&message[..message.len() - 1]), 1, "cut short");
    for broken in [
        &[0x0a][..],
        &[0x0a, 5, 1],
        &[0x0b],
        &[0xff; 11],
        &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
    ] {
        assert_eq!(read(broken), 0, "{broken:?}");
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn methods_of_grpc_are_found_and_others_are_not_there() {
    use grpc::Method;
    for (method, want) in [
        ("inference.GRPCInferenceService/ServerLive", Method::Server),
        ("inference.GRPCInferenceService/ServerReady", Method::Server),
        ("inference.GRPCInferenceService/ServerMetadata", Method::Server),
        ("inference.GRPCInferenceService/ModelReady", Method::Model),
        ("inference.GRPCInferenceService/ModelMetadata", Method::Model),
        ("inference.GRPCInferenceService/ModelInfer", Method::Infer),
        ("grpc.health.v1.Health/Check", Method::Check),
        ("grpc.health.v1.Health/Watch", Method::Watch),
        ("xds.service.orca.v3.OpenRcaService/StreamCoreMetrics", Method::Load),
        ("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Method::Reflect),
        ("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Method::Reflect),
    ] {
        assert_eq!(Method::parse(&format!("/{method}")), Some(want), "{method}");
        assert_eq!(Method::parse(method), None, "no slash");
    }
    for absent in [
        "",
        "/",
        "/inference.GRPCInferenceService/",
        "/inference.GRPCInferenceService/ModelStreamInfer",
        "/inference.GRPCInferenceService/RepositoryModelLoad",
        "/inference.GRPCInferenceService/ModelInfer/",
        "/grpc.health.v1.Health/List",
        "/grpc.reflection.v1.ServerReflection/",
        "/grpc.health.v1.Health/ServerReflectionInfo",
    ] {
        assert_eq!(Method::parse(absent), None, "{absent}");
    }
}

#[test]
fn times_and_frames_of_grpc() {
    use std::time::Duration;
    for (text, want) in [
        ("2H", Duration::from_secs(7200)),
        ("3M", Duration::from_secs(180)),
        ("99999999S", Duration::from_secs(99_999_999)),
        ("250m", Duration::from_millis(250)),
        ("7u", Duration::from_micros(7)),
        ("0n", Duration::ZERO),
    ] {
        assert_eq!(grpc::timeout(text), Some(want), "{text}");
    }
    for bad in ["", "m", "1", "1s", "1 m", "-1m", "+1m", "1.5S", "123456789m", "1ü"] {
        assert_eq!(grpc::timeout(bad), None, "{bad}");
    }
    assert_eq!(grpc::timeout_text(Duration::from_micros(1_999_500)), "1999m");
    assert_eq!(grpc::timeout_text(Duration::ZERO), "1m", "nought would be too late by definition");
    assert_eq!(grpc::timeout_text(Duration::MAX), "99999999m");

    let framed = grpc::frame(&protobuf::text("m"));
    assert_eq!(framed, [0, 0, 0, 0, 3, 0x0a, 1, b'm']);
    let head = grpc::FrameHead { compressed: false, length: 3 };
    assert_eq!(grpc::FrameHead::parse(&framed), Some(head));
    assert!(grpc::FrameHead::parse(&[1, 0, 0, 0, 0]).is_some_and(|head| head.compressed));
    assert_eq!(grpc::FrameHead::parse(&[2, 0, 0, 0, 0]), None);
    assert_eq!(grpc::FrameHead::parse(&[0; 4]), None);
    let long = protobuf::text(&"x".repeat(300));
    assert_eq!(long[..3], [0x0a, 0xac, 0x02], "300 as two bytes");
}

#[test]
fn a_measurement_that_is_too_large_is_refused() {
    for key in ["rttMilliseconds", "uplinkKilobitsPerSecond"] {
        let question = |number: &str| {
            let observed = format!(r#"{{"endpointId":"e","{key}":{number}}}"#);
            let text = format!(r#"{{"model":{{"name":"m"}},"observed":[{observed}]}}"#);
            serde_json::from_str::<RouteQuestion>(&text).map_err(|error| error.to_string())
        };
        for taken in ["1.5", "3e38", "null"] {
            question(taken).expect(taken);
        }
        let error = question("1.51e39").expect_err("it is beyond 32 bits");
        assert!(error.contains("number out of range"), "{error}");
    }
}
