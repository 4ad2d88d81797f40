//! The truth table: what was seen, and what the conditions say about it.

mod capacity;
mod pods;
mod seen;

use crds::offload::{CapacityStatus, InferenceOffloadStatus, ModelState};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use plan::{
    Inputs, Observed, Probe, ProbeResult,
    Reason::{
        self, ClassNotAllowed, ClassNotFound, DigestMismatch, ImagePullFailed, InsufficientAccelerators,
        InvalidSpec, ModelDownloadFailed, ModelLoadFailed, ModelSourceUnsupported, NodeNotReady, Ok as Fine,
        OutOfMemory, Pending, PortConflict, ProtocolMismatch, Suspended, TlsSecretNotFound, Unavailable,
    },
    Refusal,
    status::{self, changes},
    validate,
};
use serde_json::{Value, json};

use crate::support;

/// Two replicas of `image-on-accelerator` on two nodes, both serving.
struct Seen {
    inputs: Inputs,
    observed: Observed,
}

const NOW: i64 = 1_800_000_000;

fn serving() -> Seen {
    let mut inputs = support::case("image-on-accelerator");
    inputs.offload.spec.replicas = Some(2);
    let observed = Observed { world: inputs.world.clone(), ..Observed::default() };
    let mut seen = Seen { inputs, observed };
    for (number, node) in [(1, "edge-1"), (2, "edge-2")] {
        seen.node(node, "True");
        let pod = seen.pod(&format!("p-{number}"), Some(node), ready());
        seen.observed.world.pods.push(pod);
        seen.probe(node, ProbeResult::Reached);
    }
    seen
}

impl Seen {
    fn node(&mut self, name: &str, ready: &str) {
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": format!("site-of-{name}")}},
            "status": {
                "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}],
                "conditions": [{"type": "Ready", "status": ready}],
            },
        }))
        .unwrap();
        self.observed.world.nodes.insert(name.into(), node);
    }

    /// A pod of the spec as it stands.
    fn pod(&self, name: &str, node: Option<&str>, status: Value) -> Pod {
        let template = support::planned(&self.inputs).model.spec.unwrap().template;
        let annotations = template.metadata.unwrap().annotations;
        serde_json::from_value(json!({
            "metadata": {"name": name, "annotations": annotations},
            "spec": {"nodeName": node, "containers": []},
            "status": status,
        }))
        .unwrap()
    }

    /// The second pod is in this state.
    fn second(&mut self, node: Option<&str>, status: Value) {
        let pod = self.pod("p-2", node, status);
        self.observed.world.pods[1] = pod;
        self.observed.probes.truncate(1);
    }

    /// Both pods are in this state, and nothing is dialled.
    fn both(&mut self, node: Option<&str>, status: Value) {
        self.second(node, status.clone());
        let pod = self.pod("p-1", node, status);
        self.observed.world.pods[0] = pod;
        self.observed.probes.clear();
    }

    fn probe(&mut self, node: &str, result: ProbeResult) {
        self.observed.probes.retain(|probe| probe.node != node);
        let url = format!("http://{node}:30085");
        self.observed.probes.push(Probe { node: node.into(), url, result, told: None });
    }

    fn status_at(&self, seconds: i64) -> InferenceOffloadStatus {
        let now = Timestamp::from_second(seconds).unwrap();
        match validate(&self.inputs) {
            Ok(valid) => status::accepted(&self.inputs, &valid, &self.observed, now),
            Err(violations) => status::rejected(&self.inputs, &violations, &self.observed, now),
        }
    }
}

fn ready() -> Value {
    json!({
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "initContainerStatuses": [
            container("verify", json!({"terminated": {"exitCode": 0}}), json!({})),
            container("sidecar", json!({"running": {}}), json!({})),
        ],
        "containerStatuses": [container("runtime", json!({"running": {"startedAt": at(NOW - 10)}}), json!({}))],
    })
}

/// A pod that is not ready and has one container in this state.
fn stuck(kind: &str, name: &str, state: Value, last: Value) -> Value {
    json!({
        "phase": "Pending",
        "conditions": [{"type": "Ready", "status": "False"}],
        kind: [container(name, state, last)],
    })
}

fn container(name: &str, state: Value, last: Value) -> Value {
    json!({
        "name": name, "ready": false, "restartCount": 0, "image": format!("{name}:1"), "imageID": "",
        "state": state, "lastState": last,
    })
}

fn at(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap().to_string()
}

/// The conditions named have these reasons; `AsExpected` and `Pending` of `Progressing` mean that they are true.
#[track_caller]
fn check(change: impl FnOnce(&mut Seen), want: &[(&str, &str, Reason)], parts: &[&str]) {
    let mut seen = serving();
    change(&mut seen);
    let status = seen.status_at(NOW);
    let mut messages = String::new();
    for (type_, verdict, reason) in want {
        let condition = status.conditions.iter().find(|one| one.type_ == *type_).unwrap();
        assert_eq!(
            (condition.status.as_str(), condition.reason.as_str()),
            (*verdict, reason.word()),
            "{type_}: {}",
            condition.message
        );
        messages.push_str(&condition.message);
    }
    for part in parts {
        assert!(messages.contains(part), "{part:?} is not in {messages:?}");
    }
    again(&seen, status);
}

/// A status that is fed back changes nothing, whenever it is looked at.
#[track_caller]
fn again(seen: &Seen, status: InferenceOffloadStatus) {
    let mut later = Seen { inputs: seen.inputs.clone(), observed: seen.observed.clone() };
    later.inputs.offload.status = Some(status.clone());
    let next = later.status_at(NOW + 1);
    assert_eq!(next, status);
    assert_eq!(changes(&status, &next), []);
}

#[test]
fn everything_serves() {
    let all = [
        "Accepted",
        "ReplicasAvailable",
        "ModelCached",
        "RuntimeReady",
        "EndpointReachable",
        "Progressing",
        "Ready",
    ];
    let want: Vec<_> = all.iter().map(|type_| (*type_, "True", Fine)).collect();
    check(|_| {}, &want, &["edge-1, edge-2"]);

    let status = serving().status_at(NOW);
    assert_eq!(status.observed_generation, Some(3));
    assert_eq!((status.replicas, status.ready_replicas, status.ready_summary.as_str()), (2, 2, "2/2"));
    assert_eq!(status.selector, "longshore.dev/offload=person-detect");
    assert_eq!(status.class_name.as_deref(), Some("triton-gpu"));
    let endpoints: Vec<_> =
        status.endpoints.iter().map(|one| (one.node.as_str(), one.url.as_str(), one.zone.as_str())).collect();
    assert_eq!(
        endpoints,
        [
            ("edge-1", "http://edge-1:30085", "site-of-edge-1"),
            ("edge-2", "http://edge-2:30085", "site-of-edge-2")
        ]
    );
    let model = status.model.unwrap();
    assert_eq!((model.name.as_str(), model.state), ("person", ModelState::Loaded));
    assert_eq!(model.active_digest, model.target_digest);
    assert!(model.active_digest.is_some());
}

#[test]
fn nothing_runs_yet() {
    check(
        |seen| {
            seen.observed.world.pods.clear();
            seen.observed.probes.clear();
        },
        &[
            ("Accepted", "True", Fine),
            ("ReplicasAvailable", "False", Pending),
            ("ModelCached", "False", Pending),
            ("RuntimeReady", "False", Pending),
            ("EndpointReachable", "False", Pending),
            ("Progressing", "True", Pending),
            ("Ready", "False", Pending),
        ],
        &["0 of 2"],
    );
}

#[test]
fn a_rollout_is_stuck() {
    check(
        |seen| {
            let failed = json!({"terminated": {"exitCode": 1, "message": "DigestMismatch: other"}});
            seen.second(Some("edge-2"), stuck("initContainerStatuses", "verify", failed, json!({})));
            seen.observed.world.deployment = serde_json::from_value(json!({
                "spec": {"selector": {}, "template": {}},
                "status": {"conditions": [{"type": "Progressing", "status": "False", "message": "timed out"}]},
            }))
            .unwrap();
        },
        &[("Progressing", "False", DigestMismatch), ("Ready", "True", Fine)],
        &[],
    );
}

#[test]
fn suspended() {
    check(
        |seen| {
            seen.inputs.offload.spec.suspend = true;
            seen.observed.world.pods.clear();
            seen.observed.probes.clear();
        },
        &[
            ("Accepted", "True", Fine),
            ("ReplicasAvailable", "False", Suspended),
            ("EndpointReachable", "False", Suspended),
            ("Progressing", "True", Fine),
            ("Ready", "False", Suspended),
        ],
        &["spec.suspend"],
    );
}

#[test]
fn scaled_to_nothing() {
    check(
        |seen| {
            seen.inputs.offload.spec.replicas = Some(0);
            seen.observed.world.pods.clear();
            seen.observed.probes.clear();
        },
        &[("ReplicasAvailable", "False", Unavailable), ("Ready", "False", Unavailable)],
        &["spec.replicas is 0"],
    );
}

#[test]
fn a_spec_that_turned_invalid_leaves_the_fleet_alone() {
    check(
        |seen| {
            seen.inputs.offload.spec.class_name = Some("gone".into());
            seen.inputs.offload.metadata.generation = Some(4);
            seen.observed.world.deployment = serde_json::from_value(json!({
                "spec": {"replicas": 2, "selector": {}, "template": {}},
            }))
            .unwrap();
        },
        &[
            ("Accepted", "False", ClassNotFound),
            ("ReplicasAvailable", "True", Fine),
            ("RuntimeReady", "True", Fine),
            ("EndpointReachable", "True", Fine),
            ("Progressing", "False", ClassNotFound),
            ("Ready", "False", ClassNotFound),
        ],
        &["spec.className: OffloadClass gone does not exist"],
    );
}

#[test]
fn what_runs_under_a_rejected_spec_keeps_its_names() {
    let mut seen = serving();
    let accepted = seen.status_at(NOW);
    seen.inputs.offload.status = Some(accepted.clone());
    seen.inputs.offload.spec.class_name = Some("gone".into());
    seen.inputs.offload.spec.model.name = Some("face".into());
    let nothing_runs = seen.status_at(NOW);
    assert_eq!(
        (nothing_runs.class_name.as_deref(), nothing_runs.model.unwrap().name),
        (Some("gone"), "face".into())
    );

    seen.observed.world.deployment = serde_json::from_value(json!({
        "spec": {"replicas": 2, "selector": {}, "template": {}},
    }))
    .unwrap();
    for look in 1..=2 {
        let status = seen.status_at(NOW + look);
        assert_eq!(status.class_name, accepted.class_name);
        assert_eq!(status.model.as_ref().unwrap().name, accepted.model.as_ref().unwrap().name);
        seen.inputs.offload.status = Some(status);
    }
}

#[test]
fn a_spec_that_never_was_valid() {
    check(
        |seen| {
            seen.inputs.offload.spec.replicas = Some(300);
            seen.inputs.offload.spec.model.format = "pb".into();
            seen.observed.world.pods.clear();
            seen.observed.probes.clear();
        },
        &[("Accepted", "False", ClassNotAllowed), ("Ready", "False", ClassNotAllowed)],
        &["spec.replicas: 300", "spec.model.format"],
    );
}

#[test]
fn ready_speaks_of_this_generation() {
    let new_model = |seen: &mut Seen| {
        let digest = format!("sha256:{}", "2".repeat(64));
        seen.inputs.offload.spec.model.digest = Some(digest);
        seen.inputs.offload.metadata.generation = Some(4);
    };
    // Only pods of the generation before: reachable, and not ready.
    check(
        new_model,
        &[
            ("EndpointReachable", "True", Fine),
            ("RuntimeReady", "False", Pending),
            ("Progressing", "True", Pending),
            ("Ready", "False", Pending),
        ],
        &["0 of 2 replicas serve the spec of this generation"],
    );
    // One of this generation beside them, on the node that answered, and it does not serve yet.
    check(
        |seen| {
            new_model(seen);
            let state = json!({"running": {"startedAt": at(NOW)}});
            let next =
                seen.pod("p-3", Some("edge-1"), stuck("containerStatuses", "runtime", state, json!({})));
            seen.observed.world.pods.push(next);
        },
        &[("EndpointReachable", "True", Fine), ("ModelCached", "True", Fine), ("Ready", "False", Pending)],
        &[],
    );
    let mut seen = serving();
    new_model(&mut seen);
    assert_eq!(seen.status_at(NOW).model.unwrap().state, ModelState::Pending);
    let next = seen.pod("p-2", Some("edge-2"), ready());
    seen.observed.world.pods[1] = next;
    let status = seen.status_at(NOW);
    let model = status.model.clone().unwrap();
    assert_eq!((model.state, model.active_digest), (ModelState::Rolling, None));
    assert!(status.conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True"));
    // An upgrade of the operator makes pods anew, and the spec is served meanwhile.
    check(
        |seen| seen.inputs.settings.sidecar_image = "longshore.example/sidecar:2".into(),
        &[("Ready", "True", Fine)],
        &[],
    );
}
