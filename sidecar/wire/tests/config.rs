//! The sidecar's configuration as a value: defaults, unknown keys, and that what the operator writes is read back.

use wire::{PolicyBundle, SidecarConfig};

fn smallest() -> serde_json::Value {
    serde_json::json!({
        "listen": "0.0.0.0:8080",
        "upstream": {"http": "http://127.0.0.1:8000"},
        "model": {"name": "person-detect"},
    })
}

#[test]
fn three_keys_are_enough_and_the_rest_has_the_documented_defaults() {
    let config: SidecarConfig = serde_json::from_value(smallest()).unwrap();
    let value = serde_json::to_value(&config).unwrap();
    let defaults = [
        ("/admin", serde_json::json!("127.0.0.1:9090")),
        ("/admission/maxConcurrency", 4.into()),
        ("/admission/maxQueueDepth", 64.into()),
        ("/admission/defaultTimeoutMilliseconds", 200.into()),
        ("/admission/maxTimeoutMilliseconds", 2000.into()),
        ("/admission/maxPayloadBytes", 4_194_304.into()),
        ("/limits/connections", 1024.into()),
        ("/limits/strangersPerSource", 16.into()),
        ("/limits/streamsPerConnection", 64.into()),
        ("/limits/streamWindowBytes", 65536.into()),
        ("/limits/headers", 64.into()),
        ("/limits/headerBytes", 32768.into()),
        ("/limits/firstByteMilliseconds", 5000.into()),
        ("/limits/tlsHandshakeMilliseconds", 5000.into()),
        ("/limits/headersMilliseconds", 10000.into()),
        ("/limits/bodyBytesPerSecond", 1024.into()),
        ("/limits/bodyWindowMilliseconds", 10000.into()),
        ("/limits/idleMilliseconds", 60000.into()),
        ("/limits/keepAliveMilliseconds", 60000.into()),
        ("/limits/keepAliveTimeoutMilliseconds", 20000.into()),
        ("/limits/uploads", 256.into()),
        ("/limits/uploadBufferBytes", 8_388_608.into()),
        ("/limits/loadStreams", 64.into()),
        ("/limits/loadMinIntervalMilliseconds", 1000.into()),
        ("/limits/loadMaxIntervalMilliseconds", 60000.into()),
        ("/auth", "None".into()),
        ("/loadHeader", "OnRequest".into()),
        ("/drain/quietMilliseconds", 5000.into()),
        ("/drain/deadlineMilliseconds", 30000.into()),
        ("/relayModelErrors", false.into()),
    ];
    for (pointer, want) in defaults {
        assert_eq!(value.pointer(pointer), Some(&want), "{pointer}");
    }
    assert_eq!(
        serde_json::from_value::<SidecarConfig>(value).unwrap(),
        config,
        "what is written is read back"
    );
}

#[test]
fn an_unknown_key_is_named_wherever_it_stands() {
    for section in ["", "/upstream", "/model", "/admission", "/limits", "/advertise", "/drain"] {
        let mut value =
            serde_json::to_value(serde_json::from_value::<SidecarConfig>(smallest()).unwrap()).unwrap();
        value.pointer_mut(section).unwrap()["surprise"] = 1.into();
        let error = serde_json::from_value::<SidecarConfig>(value).unwrap_err().to_string();
        assert!(error.contains("surprise"), "{section}: {error}");
    }
}

#[test]
fn what_has_no_default_is_required() {
    for (section, key) in [("", "listen"), ("", "upstream"), ("", "model"), ("/model", "name")] {
        let mut value = smallest();
        value.pointer_mut(section).unwrap().as_object_mut().unwrap().remove(key);
        let error = serde_json::from_value::<SidecarConfig>(value).unwrap_err().to_string();
        assert!(error.contains(key), "{section}/{key}: {error}");
    }
}

#[test]
fn a_policy_bundle_needs_no_endpoints_and_keeps_what_it_has() {
    let text = r#"{"revision":"4-6f0c3f3a","model":{"name":"person-detect","labels":["background","person"]},
        "policy":{"mode":"OffloadOnly","batteryLowPercent":35,"dataClass":"Restricted"},
        "deadlines":{"defaultMilliseconds":200,"maxMilliseconds":2000},"maxPayloadBytes":1024}"#;
    let bundle: PolicyBundle = serde_json::from_str(text).unwrap();
    assert!(bundle.endpoints.is_empty() && bundle.service_times.is_none());
    assert_eq!(bundle.offload_uid, "", "outside a cluster there is none");
    assert_eq!((bundle.policy.battery_low_percent, bundle.policy.min_dwell_seconds), (35, 5));
    assert_eq!((bundle.policy.max_moves_per_minute, bundle.policy.confidence_temperature()), (6, 1.0));
    let again = serde_json::from_str(&serde_json::to_string(&bundle).unwrap()).unwrap();
    assert_eq!(bundle, again);
}

/// A device may be older than the operator that writes its policy.
#[test]
fn a_policy_bundle_with_a_wish_of_later_times_is_read_all_the_same() {
    let text = r#"{"revision":"4-a","model":{"name":"m"},"policy":{"maxMovesPerMinute":2,"wishOfLaterTimes":{"a":[1]}},
        "deadlines":{"defaultMilliseconds":200,"maxMilliseconds":2000},"maxPayloadBytes":1,"alsoLater":true}"#;
    let bundle: PolicyBundle = serde_json::from_str(text).unwrap();
    assert_eq!(bundle.policy.max_moves_per_minute, 2);
}

#[test]
fn credentials_are_read_in_each_of_their_forms() {
    let jwt = serde_json::json!({"Jwt": {"issuer": "https://issuer.example", "audiences": ["offload"],
        "algorithms": ["ES256", "RS256", "EdDSA"], "jwksFile": "/keys"}});
    for auth in ["None".into(), "MutualTls".into(), jwt] {
        let mut value = smallest();
        value["auth"] = auth.clone();
        let config: SidecarConfig = serde_json::from_value(value).unwrap();
        assert_eq!(serde_json::to_value(&config).unwrap()["auth"], auth);
    }
    for algorithm in ["none", "HS256", "PS256", "ES384"] {
        let mut value = smallest();
        value["auth"] = serde_json::json!({"Jwt": {"issuer": "i", "audiences": ["a"], "algorithms": [algorithm],
            "jwksFile": "/keys"}});
        let error = serde_json::from_value::<SidecarConfig>(value).unwrap_err().to_string();
        assert!(error.contains(algorithm), "{error}");
    }
}
