//! Paths, names, digests and load reports: what is read and what is not.

use wire::{Digest, LoadReport, load::NamedMetrics, name, path, path::Target};

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
