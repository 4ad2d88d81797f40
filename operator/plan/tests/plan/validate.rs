//! Every violation once: a change to inputs that are accepted, and what is said about it.

use crds::{
    DEFAULT_CLASS_ANNOTATION, OffloadClass,
    class::{DigestRule, SourceKind},
    offload::{HttpsSource, ImageSource},
};
use k8s_openapi::apimachinery::pkg::{
    api::resource::Quantity,
    apis::meta::v1::{LabelSelector, LabelSelectorRequirement},
};
use plan::{
    Inputs,
    Reason::{
        self, ClassNotAllowed, ClassNotFound, InvalidSpec, ModelSourceNotAllowed, ModelSourceUnsupported,
        RuntimeClassNotFound,
    },
    valid::Source,
    validate,
};

use crate::support;

/// The one violation has this reason, and its message these parts: the field, and a word of the fix.
#[track_caller]
fn check(change: impl FnOnce(&mut Inputs), reason: Reason, parts: &[&str]) {
    let mut inputs = support::case("image-on-accelerator");
    change(&mut inputs);
    let violations = validate(&inputs).unwrap_err();
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(violations[0].reason, reason, "{violations:?}");
    for part in parts {
        assert!(violations[0].message.contains(part), "{part:?} is not in {:?}", violations[0].message);
    }
}

#[track_caller]
fn accepted(change: impl FnOnce(&mut Inputs)) -> plan::Valid {
    let mut inputs = support::case("image-on-accelerator");
    change(&mut inputs);
    validate(&inputs).unwrap()
}

fn class(inputs: &mut Inputs) -> &mut crds::class::OffloadClassSpec {
    &mut inputs.classes[0].spec
}

fn https(inputs: &mut Inputs, url: &str) {
    let source = &mut inputs.offload.spec.model.source;
    source.image = None;
    source.https = Some(HttpsSource { url: url.into() });
}

fn default_class(name: &str, like: &OffloadClass) -> OffloadClass {
    let mut class = like.clone();
    class.metadata.name = Some(name.into());
    class.metadata.annotations = Some([(DEFAULT_CLASS_ANNOTATION.into(), "true".into())].into());
    class
}

#[test]
fn the_class_exists() {
    check(
        |inputs| inputs.offload.spec.class_name = Some("tpu".into()),
        ClassNotFound,
        &["spec.className", "tpu does not exist", "use one of: triton-gpu"],
    );
    check(
        |inputs| {
            inputs.offload.spec.class_name = Some("tpu".into());
            inputs.classes.clear();
        },
        ClassNotFound,
        &["(none exists)"],
    );
}

#[test]
fn exactly_one_class_is_the_default() {
    check(
        |inputs| inputs.offload.spec.class_name = None,
        ClassNotFound,
        &["no default OffloadClass", "triton-gpu", "longshore.dev/is-default-class=true"],
    );
    check(
        |inputs| {
            let [b, a] = ["b", "a"].map(|name| default_class(name, &inputs.classes[0]));
            inputs.classes.extend([b, a]);
            inputs.offload.spec.class_name = None;
        },
        ClassNotFound,
        &["several OffloadClasses are the default: a, b", "on one only"],
    );
    let valid = accepted(|inputs| {
        inputs.classes.push(default_class("site", &inputs.classes[0]));
        inputs.offload.spec.class_name = None;
    });
    assert_eq!(valid.class_name, "site");
}

#[test]
fn the_class_takes_the_namespace() {
    check(
        |inputs| inputs.namespace_labels.clear(),
        ClassNotAllowed,
        &["does not take namespace cameras", "longshore.dev/gpu=allowed"],
    );
}

#[test]
fn label_expressions_choose_namespaces() {
    let cases = [
        ("In", vec!["a", "b"], true),
        ("In", vec!["b"], false),
        ("NotIn", vec!["a"], false),
        ("NotIn", vec!["b"], true),
        ("Exists", vec![], true),
        ("DoesNotExist", vec![], false),
        ("Near", vec!["a"], false),
    ];
    for (operator, values, want) in cases {
        let mut inputs = support::case("image-on-accelerator");
        inputs.namespace_labels.insert("tier".into(), "a".into());
        class(&mut inputs).allowed_namespaces = Some(LabelSelector {
            match_labels: None,
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: "tier".into(),
                operator: operator.into(),
                values: Some(values.iter().map(|value| (*value).into()).collect()),
            }]),
        });
        assert_eq!(validate(&inputs).is_ok(), want, "{operator} {values:?}");
    }
    accepted(|inputs| {
        inputs.namespace_labels.clear();
        class(inputs).allowed_namespaces = None;
    });
}

#[test]
fn the_runtime_class_exists() {
    check(
        |inputs| inputs.runtime_classes = vec!["kata".into()],
        RuntimeClassNotFound,
        &["OffloadClass triton-gpu: spec.runtimeClassName", "nvidia does not exist", "create it"],
    );
}

#[test]
fn the_spec_stays_inside_the_limits() {
    check(
        |inputs| inputs.offload.spec.replicas = Some(300),
        ClassNotAllowed,
        &["spec.replicas: 300", "use at most 6"],
    );
    check(
        |inputs| inputs.offload.spec.accelerators = Some(3),
        ClassNotAllowed,
        &["spec.accelerators: 3", "use at most 2"],
    );
    check(
        |inputs| class(inputs).accelerator = None,
        ClassNotAllowed,
        &["spec.accelerators", "has no accelerator", "take the field out"],
    );
    check(
        |inputs| inputs.offload.spec.admission.max_payload_bytes = 2_097_153,
        ClassNotAllowed,
        &["spec.admission.maxPayloadBytes: 2097153", "use at most 2097152"],
    );
}

#[test]
fn the_limits_themselves_are_allowed() {
    let valid = accepted(|inputs| {
        inputs.offload.spec.replicas = Some(6);
        inputs.offload.spec.accelerators = Some(2);
        inputs.offload.spec.admission.max_payload_bytes = 2_097_152;
    });
    assert_eq!((valid.replicas, valid.accelerators), (6, 2));
}

#[test]
fn the_node_port_stands_inside_the_range() {
    for port in [30_079, 30_181] {
        check(
            |inputs| inputs.offload.spec.endpoint.node_port = Some(port),
            ClassNotAllowed,
            &["spec.endpoint.nodePort", "outside 30080 to 30180", "use a port inside it"],
        );
    }
    check(
        |inputs| class(inputs).endpoint.node_port_range = None,
        ClassNotAllowed,
        &["spec.endpoint.nodePort", "lets no offload choose", "take the field out"],
    );
    for port in [30_080, 30_180] {
        accepted(|inputs| inputs.offload.spec.endpoint.node_port = Some(port));
    }
}

#[test]
fn the_class_takes_the_source() {
    check(
        |inputs| class(inputs).models.allowed_sources = vec![SourceKind::Https],
        ModelSourceNotAllowed,
        &["spec.model.source.image", "use one of: https"],
    );
    check(
        |inputs| {
            https(inputs, "https://models.site.example/m.onnx");
            class(inputs).models.allowed_sources = vec![SourceKind::Image];
        },
        ModelSourceNotAllowed,
        &["spec.model.source.https", "use one of: image"],
    );
    check(
        |inputs| inputs.offload.spec.model.source.image = None,
        InvalidSpec,
        &["spec.model.source", "exactly one"],
    );
}

#[test]
fn a_model_image_stands_under_a_prefix() {
    for reference in ["registry.example/modelsx/person", "evil.example/registry.example/models/person"] {
        check(
            |inputs| {
                let image = ImageSource { reference: reference.into(), path: "person".into() };
                inputs.offload.spec.model.source.image = Some(image);
            },
            ModelSourceNotAllowed,
            &["spec.model.source.image.reference", reference, "registry.example/models/"],
        );
    }
}

#[test]
fn a_model_host_is_named_exactly() {
    let bad = [
        "https://models.site.example.evil.example/m.onnx",
        "https://models.site.example:8443/m.onnx",
        "https://models.site.example@evil.example/m.onnx",
        "https://evil.example/models.site.example/m.onnx",
        "https://evil.example\\models.site.example/m.onnx",
        "https://models.site.example\\@evil.example/m.onnx",
        "http://models.site.example/m.onnx",
    ];
    for url in bad {
        check(
            |inputs| https(inputs, url),
            ModelSourceNotAllowed,
            &["spec.model.source.https.url", "use one of: models.site.example"],
        );
    }
    let valid = accepted(|inputs| https(inputs, "https://models.site.example/m.onnx"));
    assert_eq!(valid.model.source, Source::Https { url: "https://models.site.example/m.onnx".into() });
}

#[test]
fn a_digest_is_named_and_well_formed() {
    check(
        |inputs| inputs.offload.spec.model.digest = None,
        ModelSourceNotAllowed,
        &["spec.model.digest", "sha256sum"],
    );
    check(
        |inputs| inputs.offload.spec.model.digest = Some("sha256:12".into()),
        InvalidSpec,
        &["spec.model.digest", "64"],
    );
    let valid = accepted(|inputs| {
        inputs.offload.spec.model.digest = None;
        class(inputs).models.digest = DigestRule::Optional;
    });
    assert_eq!(valid.model.digest, None);
    check(
        |inputs| {
            https(inputs, "https://models.site.example/m.onnx");
            inputs.offload.spec.model.digest = None;
            class(inputs).models.digest = DigestRule::Optional;
        },
        InvalidSpec,
        &["spec.model.digest", "https", "sha256sum"],
    );
}

#[test]
fn the_runtime_loads_the_format() {
    check(
        |inputs| inputs.offload.spec.model.format = "tflite".into(),
        ModelSourceUnsupported,
        &["spec.model.format", "tflite", "use one of: onnx, plan"],
    );
}

#[test]
fn names_and_sizes_are_well_formed() {
    check(
        |inputs| inputs.offload.spec.model.name = Some("a..b".into()),
        InvalidSpec,
        &["spec.model.name", "a..b"],
    );
    check(
        |inputs| inputs.offload.spec.model.version = "01".into(),
        InvalidSpec,
        &["spec.model.version", "01"],
    );
    for size in ["8MB", "0", "-1", "100m"] {
        check(
            |inputs| inputs.offload.spec.model.size = Some(Quantity(size.into())),
            InvalidSpec,
            &["spec.model.size", size, "8Mi"],
        );
    }
}

#[test]
fn quantities_of_the_class_are_quantities() {
    let bad = || Quantity("much".into());
    check(
        |inputs| drop(class(inputs).runtime.resources.requests.insert("memory".into(), bad())),
        InvalidSpec,
        &["OffloadClass triton-gpu: spec.runtime.resources.requests[memory]", "much", "256Mi"],
    );
    check(
        |inputs| drop(class(inputs).runtime.resources.limits.insert("cpu".into(), bad())),
        InvalidSpec,
        &["spec.runtime.resources.limits[cpu]"],
    );
    check(
        |inputs| class(inputs).runtime.shared_memory = Some(bad()),
        InvalidSpec,
        &["spec.runtime.sharedMemory"],
    );
}

#[test]
fn every_violation_is_told_at_once() {
    let mut inputs = support::case("image-on-accelerator");
    inputs.offload.spec.replicas = Some(7);
    inputs.offload.spec.model.format = "pb".into();
    inputs.offload.spec.model.digest = None;
    inputs.runtime_classes.clear();
    let reasons: Vec<Reason> = validate(&inputs).unwrap_err().iter().map(|one| one.reason).collect();
    assert_eq!(
        reasons,
        [RuntimeClassNotFound, ClassNotAllowed, ModelSourceUnsupported, ModelSourceNotAllowed]
    );
}

#[test]
fn defaults_are_filled_in() {
    let valid = validate(&support::case("https-on-cpu")).unwrap();
    assert_eq!(valid.class_name, "cpu");
    assert_eq!((valid.replicas, valid.accelerators), (1, 0));
    assert_eq!(valid.model.name, "bearing");
    assert_eq!(valid.node_port, None);

    let valid = accepted(|inputs| inputs.offload.spec.accelerators = None);
    assert_eq!(valid.accelerators, 1);
}

#[test]
fn an_address_outlives_its_service() {
    let port = |change: fn(&mut Inputs)| {
        let mut inputs = support::case("cut-off-node");
        inputs.offload.spec.endpoint.node_port = None;
        let status = crds::offload::InferenceOffloadStatus { node_port: Some(31_000), ..Default::default() };
        inputs.offload.status = Some(status);
        change(&mut inputs);
        let valid = validate(&inputs).unwrap();
        (valid.node_port, valid.node_port_pinned)
    };
    assert_eq!(port(|inputs| inputs.offload.spec.endpoint.node_port = Some(30_090)), (Some(30_090), true));
    assert_eq!(port(|inputs| inputs.world.service = None), (Some(31_000), false));
    assert_eq!(port(|inputs| inputs.offload.status = None), (Some(30_085), false));
}
