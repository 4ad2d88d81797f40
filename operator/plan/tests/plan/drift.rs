//! A child that stands as planned is not written; a child that does not is.

use plan::drift::covers;
use serde_json::{Value, json};

use crate::support;

/// What the API server made of `planned`: with its defaults, its own texts of quantities, and the fields of controllers.
fn live() -> [Value; 2] {
    ["deployment", "service"].map(read)
}

/// A plan as it was once applied.
fn planned() -> [Value; 2] {
    ["deployment.planned", "service.planned"].map(read)
}

fn read(name: &str) -> Value {
    let path = format!("{}/tests/live/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    support::yaml(&std::fs::read_to_string(path).unwrap())
}

#[test]
fn defaults_are_no_drift() {
    for (live, planned) in live().iter().zip(&planned()) {
        assert!(covers(live, planned), "{live}\n{planned}");
        assert!(!covers(planned, live), "the API server adds defaults");
    }
}

#[test]
fn every_planned_field_is_looked_at() {
    for (live, planned) in live().iter().zip(&planned()) {
        let leaves = support::leaves(planned);
        assert!(leaves.len() > 15, "{leaves:?}");
        for pointer in leaves.into_keys() {
            // Where the two lists have one order, the pointer means one field in both.
            let mut changed = live.clone();
            let Some(field) = changed.pointer_mut(&pointer) else {
                panic!("{pointer} is not in the live object")
            };
            *field = json!("somebody else's");
            assert!(!covers(&changed, planned), "{pointer}");
        }
    }
}

#[test]
fn what_others_add_is_theirs() {
    let [mut live, _] = live();
    let [planned, _] = planned();
    live["metadata"]["annotations"]["site.example/note"] = "theirs".into();
    let containers = live.pointer_mut("/spec/template/spec/containers").unwrap().as_array_mut().unwrap();
    containers.insert(0, json!({"name": "injected", "image": "theirs"}));
    assert!(covers(&live, &planned));
}

#[test]
fn a_field_that_left_the_plan_shows_in_the_hash() {
    let mut inputs = support::case("image-on-accelerator");
    let before = serde_json::to_value(support::planned(&inputs).model).unwrap();
    assert!(covers(&before, &before));
    inputs.classes[0].spec.runtime.env.clear();
    let mut without = serde_json::to_value(support::planned(&inputs).model).unwrap();
    assert!(!covers(&before, &without));
    without["metadata"]["annotations"]["longshore.dev/plan-hash"] =
        before["metadata"]["annotations"]["longshore.dev/plan-hash"].clone();
    assert!(covers(&before, &without), "nothing but the hash shows it");
}

#[test]
fn values_are_compared_as_the_server_means_them() {
    let same = [
        (
            json!({"limits": {"cpu": "500m", "memory": "1Gi"}}),
            json!({"limits": {"cpu": "0.5", "memory": "1024Mi"}}),
        ),
        (json!({"emptyDir": {"sizeLimit": "9Mi"}}), json!({"emptyDir": {"sizeLimit": "9437184"}})),
        (json!({}), json!({"value": "", "items": [], "paused": false, "minReadySeconds": 0, "none": null})),
        (json!({"args": ["a", "b"]}), json!({"args": ["a", "b"]})),
    ];
    for (live, planned) in same {
        assert!(covers(&live, &planned), "{live} {planned}");
    }
    let different = [
        (json!({"limits": {"cpu": "500m"}}), json!({"limits": {"cpu": "0.6"}})),
        (json!({"args": ["1000m"]}), json!({"args": ["1"]})),
        (json!({"args": ["a", "b"]}), json!({"args": ["a"]})),
        (json!({"args": ["a"]}), json!({"args": ["b"]})),
        (json!({}), json!({"emptyDir": {}})),
        (json!({}), json!({"immutable": true})),
        (json!({"replicas": 1}), json!({"replicas": 0})),
        (json!({"env": [{"name": "B"}]}), json!({"env": [{"name": "A"}]})),
    ];
    for (live, planned) in different {
        assert!(!covers(&live, &planned), "{live} {planned}");
    }
}
