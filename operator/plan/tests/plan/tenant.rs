//! What a tenant wishes reaches only what is the tenant's to choose.

use std::collections::BTreeSet;

use plan::Resources;
use serde_json::{Value, json};

use crate::support;

/// Where a pod shows what a tenant wishes; `*` is any place in a list. No image of a container, no secret, no account, no
/// folder or choice of a node stands here.
const TENANTS: [&str; 11] = [
    "/metadata/annotations/longshore.dev~1model-digest",
    "/metadata/annotations/longshore.dev~1spec-hash",
    "/spec/containers/*/resources/limits/nvidia.com~1gpu",
    "/spec/containers/*/volumeMounts/*/mountPath",
    "/spec/containers/*/volumeMounts/*/subPath",
    "/spec/initContainers/*/command/*",
    "/spec/initContainers/*/volumeMounts/*/mountPath",
    "/spec/initContainers/*/volumeMounts/*/subPath",
    "/spec/terminationGracePeriodSeconds",
    "/spec/volumes/*/emptyDir/sizeLimit",
    "/spec/volumes/*/image/reference",
];

#[test]
fn nothing_of_the_tenant_reaches_a_name_it_must_not_choose() {
    let image =
        |word| json!({"image": {"reference": format!("registry.example/models/{word}"), "path": word}});
    let https = |word| json!({"https": {"url": format!("https://models.site.example/{word}")}});
    for sources in [["one", "other"].map(image), ["one", "other"].map(https)] {
        let [one, other] = wishes(sources).map(|wish| planned(&wish));
        for place in moved(&template(&one), &template(&other)) {
            assert!(TENANTS.contains(&place.as_str()), "a tenant moves {place}");
        }
        for plan in [&one, &other] {
            stays_in_its_namespace(plan);
            is_restricted(plan);
        }
        assert_eq!(one.service_account.image_pull_secrets, other.service_account.image_pull_secrets);
        assert_eq!(one.network_policy.spec, other.network_policy.spec);
    }
}

/// Two specs that have nothing in common but the class.
fn wishes([one, other]: [Value; 2]) -> [Value; 2] {
    let wishes = [
        json!({
            "className": "triton-gpu",
            "model": {"name": "person", "version": "7", "format": "onnx", "source": one, "size": "8Mi",
                "digest": format!("sha256:{}", "1".repeat(64)), "labels": ["background"]},
            "accelerators": 1,
            "replicas": 2,
            "admission": {"maxConcurrency": 3, "defaultTimeoutMilliseconds": 150,
                "maxTimeoutMilliseconds": 1_500, "maxPayloadBytes": 1_048_576},
            "endpoint": {"nodePort": 30_085},
            "offloadPolicy": {"mode": "Automatic", "batteryLowPercent": 25, "escalateBelowConfidencePercent": 70,
                "latencyMarginPercent": 10, "minDwellSeconds": 1, "fallback": "Local", "bundleTtlSeconds": 60,
                "maxMovesPerMinute": 3, "confidenceTemperaturePercent": 150},
            "dataClass": "Public",
            "routing": {"loadStaleAfterMilliseconds": 100},
            "suspend": false,
        }),
        json!({
            "className": "triton-gpu",
            "model": {"name": "face", "version": "8", "format": "plan", "source": other, "size": "9Mi",
                "digest": format!("sha256:{}", "2".repeat(64)), "labels": ["face"]},
            "accelerators": 2,
            "replicas": 3,
            "admission": {"maxConcurrency": 4, "defaultTimeoutMilliseconds": 151,
                "maxTimeoutMilliseconds": 9_000, "maxPayloadBytes": 1_048_577},
            "endpoint": {"nodePort": 30_086},
            "offloadPolicy": {"mode": "OffloadOnly", "batteryLowPercent": 26, "escalateBelowConfidencePercent": 71,
                "latencyMarginPercent": 11, "minDwellSeconds": 2, "fallback": "Fail", "bundleTtlSeconds": 61,
                "maxMovesPerMinute": 4, "confidenceTemperaturePercent": 151},
            "dataClass": "Restricted",
            "routing": {"loadStaleAfterMilliseconds": 101},
            "suspend": true,
        }),
    ];
    let [one, other] = wishes.clone().map(|wish| {
        let spec: crds::offload::InferenceOffloadSpec = serde_json::from_value(wish).unwrap();
        support::leaves(&serde_json::to_value(spec).unwrap())
    });
    let alike = one.iter().filter(|(pointer, value)| other.get(*pointer) == Some(value));
    let alike: Vec<&String> = alike.map(|(pointer, _)| pointer).collect();
    assert_eq!(alike, ["/className"], "every field of a spec is another one");
    wishes
}

fn planned(wish: &Value) -> Resources {
    let mut inputs = support::case("image-on-accelerator");
    inputs.offload.spec = serde_json::from_value(wish.clone()).unwrap();
    let words = [("app.kubernetes.io/part-of".to_owned(), wish["model"]["name"].to_string())];
    inputs.offload.metadata.labels = Some(words.clone().into());
    inputs.offload.metadata.annotations = Some(words.into());
    support::planned(&inputs)
}

/// The pod's template. The sidecar's configuration, named by its content, has one name.
fn template(plan: &Resources) -> Value {
    let text = serde_json::to_string(&plan.model.spec.as_ref().unwrap().template).unwrap();
    serde_json::from_str(&text.replace(plan.sidecar_config.metadata.name.as_deref().unwrap(), "CONFIG"))
        .unwrap()
}

/// Where two trees differ; `*` is any place in a list.
fn moved(one: &Value, other: &Value) -> BTreeSet<String> {
    let [one, other] = [one, other].map(support::leaves);
    let all = one.keys().chain(other.keys()).filter(|pointer| one.get(*pointer) != other.get(*pointer));
    let is_index = |part: &str| part.parse::<usize>().is_ok();
    all.map(|pointer| {
        let parts = pointer.split('/').map(|part| if is_index(part) { "*" } else { part });
        parts.collect::<Vec<_>>().join("/")
    })
    .collect()
}

fn stays_in_its_namespace(plan: &Resources) {
    let Value::Object(children) = support::tree(plan) else { panic!("a plan is a map") };
    for (child, content) in children {
        let namespace = &content["metadata"]["namespace"];
        assert!(namespace == "cameras" || !content.is_object(), "{child}: {namespace}");
    }
}

fn is_restricted(plan: &Resources) {
    let pod = plan.model.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
    assert_eq!(pod.service_account_name.as_deref(), Some("person-detect-model"));
    assert_eq!(pod.automount_service_account_token, Some(false));
    for volume in pod.volumes.iter().flatten() {
        let allowed = volume.config_map.is_some() || volume.empty_dir.is_some() || volume.image.is_some();
        assert!(allowed, "{}", volume.name);
    }
    for container in pod.init_containers.iter().flatten().chain(&pod.containers) {
        let security = container.security_context.as_ref().unwrap();
        assert_eq!(security.allow_privilege_escalation, Some(false), "{}", container.name);
        assert_eq!(security.read_only_root_filesystem, Some(true), "{}", container.name);
        let dropped = security.capabilities.as_ref().unwrap().drop.as_deref();
        assert_eq!(dropped, Some(&["ALL".to_owned()][..]), "{}", container.name);
    }
}
