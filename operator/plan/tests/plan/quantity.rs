//! Amounts, in the notations of Kubernetes.

use plan::quantity::{billionths, bytes};

#[test]
fn bytes_in_every_notation() {
    let cases = [
        ("0", Some(0)),
        ("1024", Some(1_024)),
        ("8Mi", Some(8 << 20)),
        ("1.5Gi", Some(3 << 29)),
        ("2k", Some(2_000)),
        ("3M", Some(3_000_000)),
        ("1G", Some(1_000_000_000)),
        ("1e3", Some(1_000)),
        ("12E", Some(12_000_000_000_000_000_000)),
        ("100m", None),
        ("-1", None),
        ("8MB", None),
        ("", None),
        (".", None),
        ("Mi", None),
        ("1 Gi", None),
        ("1e99", None),
    ];
    for (text, want) in cases {
        assert_eq!(bytes(text), want, "{text}");
    }
}

#[test]
fn one_value_has_many_texts() {
    for (one, other) in [("0.5", "500m"), ("1024Mi", "1Gi"), ("1", "1000m"), ("0.1", "100m"), ("2e3", "2k")] {
        assert_eq!(billionths(one), billionths(other), "{one} {other}");
        assert!(billionths(one).is_some(), "{one}");
    }
    assert_ne!(billionths("1G"), billionths("1Gi"));
}
