//! The truth table: what was seen, and what the conditions say about it.
#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

mod support;

use crds::offload::{InferenceOffloadStatus, ModelState};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use plan::{
    Inputs, Observed, Probe, ProbeResult,
    Reason::{
        self, ClassNotAllowed, ClassNotFound, DigestMismatch, ImagePullFailed, InsufficientAccelerators,
        InvalidSpec, ModelDownloadFailed, ModelLoadFailed, ModelSourceUnsupported, NodeNotReady, Ok as Fine,
        OutOfMemory, Pending, PortConflict, ProtocolMismatch, Suspended, Unavailable,
    },
    Refusal,
    status::{self, changes},
    validate,
};
use serde_json::{Value, json};

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
        self.observed.probes.push(Probe { node: node.into(), url: format!("http://{node}:30085"), result });
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
fn more_replicas_than_accelerators() {
    let words = "0/3 nodes are available: 1 node(s) had untolerated taint, 2 Insufficient nvidia.com/gpu.";
    let pending = json!({
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}],
    });
    check(
        |seen| seen.second(None, pending.clone()),
        &[
            ("ReplicasAvailable", "False", InsufficientAccelerators),
            ("ModelCached", "True", Fine),
            ("Ready", "True", Fine),
        ],
        &[
            "1 of 2 replicas run; 1 wait for accelerators: no node has nvidia.com/gpu free",
            "lower spec.replicas",
        ],
    );
    check(
        |seen| seen.both(None, pending.clone()),
        &[
            ("ReplicasAvailable", "False", InsufficientAccelerators),
            ("Ready", "False", InsufficientAccelerators),
        ],
        &["2 wait for accelerators"],
    );
}

#[test]
fn a_rollout_waits_for_the_replica_that_leaves() {
    check(
        |seen| {
            let words = "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.";
            let condition = json!({"type": "PodScheduled", "status": "False", "message": words});
            seen.second(None, json!({"phase": "Pending", "conditions": [condition]}));
            let mut old = seen.pod("p-0", Some("edge-2"), ready());
            old.metadata.deletion_timestamp = Some(serde_json::from_value(json!(at(NOW))).unwrap());
            seen.observed.world.pods.push(old);
        },
        &[("ReplicasAvailable", "False", Pending), ("Ready", "True", Fine)],
        &["pod p-0, which leaves"],
    );
}

#[test]
fn pods_that_leave_or_ended_are_no_replicas() {
    let mut seen = serving();
    let mut leaving = seen.pod("p-0", Some("edge-2"), ready());
    leaving.metadata.deletion_timestamp = Some(serde_json::from_value(json!(at(NOW))).unwrap());
    let ended = seen.pod("p-3", Some("edge-2"), json!({"phase": "Failed"}));
    seen.observed.world.pods.extend([leaving, ended]);
    let status = seen.status_at(NOW);
    assert_eq!((status.replicas, status.ready_replicas, status.ready_summary.as_str()), (2, 2, "2/2"));
}

#[test]
fn no_node_takes_the_pod() {
    let pending = json!({
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes: 3 Insufficient cpu."}],
    });
    check(
        |seen| seen.both(None, pending),
        &[("ReplicasAvailable", "False", Unavailable), ("Ready", "False", Unavailable)],
        &["Insufficient cpu", "spec.placement"],
    );
}

#[test]
fn an_image_cannot_be_pulled() {
    let state = |reason: &str, message: &str| json!({"waiting": {"reason": reason, "message": message}});
    let cause = "rpc error: not found: registry.example/tritonserver:25";
    let forms = [
        state("ErrImagePull", cause),
        state("ImagePullBackOff", &format!("Back-off pulling image \"x\": ErrImagePull: {cause}")),
    ];
    let mut told = Vec::new();
    for form in forms {
        let mut seen = serving();
        seen.both(Some("edge-1"), stuck("containerStatuses", "runtime", form, json!({})));
        told.push(seen.status_at(NOW));
    }
    // The kubelet says the same in two ways, in turn: one status.
    assert_eq!(told[0], told[1]);
    check(
        |seen| {
            let form = state("ErrImagePull", cause);
            seen.both(Some("edge-1"), stuck("containerStatuses", "runtime", form, json!({})));
        },
        &[
            ("ReplicasAvailable", "False", ImagePullFailed),
            ("RuntimeReady", "False", ImagePullFailed),
            ("ModelCached", "False", Pending),
            ("Ready", "False", ImagePullFailed),
        ],
        &["container runtime", "not found", "spec.runtime.image of the class", "imagePullSecrets"],
    );
    check(
        |seen| {
            let form =
                state("ImagePullBackOff", "ErrImagePull: no registry.example/models/person@sha256:00aa");
            seen.both(Some("edge-1"), stuck("initContainerStatuses", "verify", form, json!({})));
        },
        &[
            ("ModelCached", "False", ImagePullFailed),
            ("RuntimeReady", "False", Pending),
            ("Ready", "False", ImagePullFailed),
        ],
        &["spec.model.source.image.reference"],
    );
}

#[test]
fn the_model_folder_is_missing() {
    check(
        |seen| {
            let message = "failed to mount image volume: ImageVolumeMountFailed: failed to ensure image subpath \
                           \"exported/person\" in \"/run/containerd/a600a9\": openat exported: no such file or directory";
            let form = json!({"waiting": {"reason": "CreateContainerError", "message": message}});
            seen.both(Some("edge-1"), stuck("initContainerStatuses", "verify", form, json!({})));
        },
        &[("ModelCached", "False", ModelDownloadFailed), ("Ready", "False", ModelDownloadFailed)],
        &["spec.model.source.image.path", "no folder exported/person"],
    );
}

#[test]
fn a_container_cannot_be_made() {
    check(
        |seen| {
            let message = "failed to create containerd task: runc 8f3a: exec /server: not found";
            let form = json!({"waiting": {"reason": "RunContainerError", "message": message}});
            seen.both(Some("edge-1"), stuck("containerStatuses", "runtime", form, json!({})));
        },
        &[("RuntimeReady", "False", Unavailable), ("Ready", "False", Unavailable)],
        &["container runtime cannot be made (exec /server: not found)", "spec.runtime"],
    );
}

#[test]
fn the_model_file_is_refused() {
    let cases = [
        ("DigestMismatch: /models/person/7/model.onnx has sha256:22", DigestMismatch, "spec.model.digest"),
        ("ModelDownloadFailed: models.site.example: 404", ModelDownloadFailed, "spec.model.source"),
        ("INFO begin\nModelDownloadFailed: connection refused\n", ModelDownloadFailed, "connection refused"),
        ("file not found", ModelDownloadFailed, "file not found"),
        ("ModelLoadFailed: /models/person/7/model.onnx: not there", ModelLoadFailed, "not there"),
    ];
    for (message, reason, part) in cases {
        let ended = json!({"terminated": {"exitCode": 1, "reason": "Error", "message": message}});
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        for (state, last) in
            [(ended.clone(), json!({})), (waiting, ended.clone()), (json!({"running": {}}), ended)]
        {
            check(
                |seen| seen.both(Some("edge-1"), stuck("initContainerStatuses", "verify", state, last)),
                &[
                    ("ModelCached", "False", reason),
                    ("ReplicasAvailable", "False", reason),
                    ("Ready", "False", reason),
                ],
                &[part],
            );
        }
    }
}

#[test]
fn the_certificates_of_the_model_host_are_missing() {
    let waiting = |seconds: i64| {
        move |seen: &mut Seen| {
            let source = &mut seen.inputs.offload.spec.model.source;
            source.image = None;
            source.https = Some(crds::offload::HttpsSource { url: "https://models.site.example/m".into() });
            seen.inputs.classes[0].spec.models.ca_config_map_name = Some("site-ca".into());
            let conditions = json!([
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": at(NOW - seconds)},
                {"type": "PodReadyToStartContainers", "status": "False"},
            ]);
            seen.both(Some("edge-1"), json!({"phase": "Pending", "conditions": conditions}));
        }
    };
    check(
        waiting(31),
        &[("ModelCached", "False", ModelDownloadFailed), ("Ready", "False", ModelDownloadFailed)],
        &["ConfigMap site-ca", "ca.crt"],
    );
    check(waiting(20), &[("ModelCached", "False", Pending), ("Ready", "False", Pending)], &[]);
}

#[test]
fn the_model_server_fails() {
    let ended = |code: i32, reason: &str, message: &str| json!({"terminated": {"exitCode": code, "reason": reason, "message": message}});
    let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    let cases = [
        (ended(1, "Error", "ModelLoadFailed: model.onnx is cut short"), ModelLoadFailed, "cut short"),
        (ended(1, "Error", "unknown option --http"), ModelLoadFailed, "spec.runtime.args"),
        (
            ended(
                64,
                "Error",
                "error: unexpected argument '--http'\n\nUsage: ...\n\nFor more, try '--help'.\n",
            ),
            ModelLoadFailed,
            "unexpected argument '--http'",
        ),
        (ended(137, "OOMKilled", ""), OutOfMemory, "spec.runtime.resources.limits.memory"),
        (ended(137, "Error", ""), Unavailable, "ended with 137"),
    ];
    for (last, reason, part) in cases {
        check(
            |seen| seen.second(Some("edge-2"), stuck("containerStatuses", "runtime", waiting.clone(), last)),
            &[
                ("RuntimeReady", "False", reason),
                ("ReplicasAvailable", "False", reason),
                ("Ready", "True", Fine),
            ],
            &[part],
        );
    }
}

#[test]
fn the_container_that_is_down_is_named() {
    let mut status = stuck(
        "containerStatuses",
        "runtime",
        json!({"waiting": {"reason": "CrashLoopBackOff"}}),
        json!({
            "terminated": {"exitCode": 2, "message": "no such file"},
        }),
    );
    let back = json!({"terminated": {"exitCode": 1, "message": "sidecar came back"}});
    status["initContainerStatuses"] = json!([container("sidecar", json!({"running": {}}), back)]);
    check(
        |seen| seen.both(Some("edge-1"), status),
        &[("RuntimeReady", "False", ModelLoadFailed)],
        &["no such file"],
    );
}

#[test]
fn the_model_server_speaks_something_else() {
    let running = |since: i64| json!({"running": {"startedAt": at(since)}});
    check(
        |seen| {
            seen.both(Some("edge-1"), stuck("containerStatuses", "runtime", running(NOW - 241), json!({})))
        },
        &[("RuntimeReady", "False", ProtocolMismatch), ("Ready", "False", ProtocolMismatch)],
        &["port 8000", "spec.runtime.startupTimeoutSeconds (240)", "person"],
    );
    check(
        |seen| {
            seen.both(Some("edge-1"), stuck("containerStatuses", "runtime", running(NOW - 200), json!({})))
        },
        &[("RuntimeReady", "False", Pending), ("Ready", "False", Pending)],
        &[],
    );
}

#[test]
fn a_node_is_cut_off() {
    let gone = |seen: &mut Seen| {
        seen.node("edge-2", "Unknown");
        let mut status = ready();
        status["conditions"][0]["status"] = "False".into();
        seen.second(Some("edge-2"), status);
        seen.probe("edge-2", ProbeResult::Unreachable("timed out".into()));
    };
    check(
        gone,
        &[
            ("ReplicasAvailable", "False", NodeNotReady),
            ("EndpointReachable", "True", Fine),
            ("Ready", "True", Fine),
        ],
        &["node edge-2 does not report"],
    );
}

#[test]
fn addresses_lead_elsewhere_or_nowhere() {
    check(
        |seen| seen.probe("edge-2", ProbeResult::WrongEndpoint("edge-1".into())),
        &[("EndpointReachable", "True", Fine), ("Ready", "True", Fine)],
        &["leads to edge-1 and not to node edge-2"],
    );
    check(
        |seen| {
            seen.probe("edge-1", ProbeResult::WrongEndpoint("edge-2".into()));
            seen.probe("edge-2", ProbeResult::Unreachable("connection refused".into()));
        },
        &[("EndpointReachable", "False", Unavailable), ("Ready", "False", Unavailable)],
        &["leads to edge-2 and not to node edge-1", "connection refused", "node port"],
    );
    check(
        |seen| {
            seen.probe("edge-1", ProbeResult::NotReady(503));
            seen.probe("edge-2", ProbeResult::NotReady(503));
        },
        &[("EndpointReachable", "False", Pending), ("Ready", "False", Pending)],
        &["answers 503"],
    );
    check(
        |seen| {
            seen.observed.probes.clear();
            for node in seen.observed.world.nodes.values_mut() {
                node.status.as_mut().unwrap().addresses = None;
            }
        },
        &[("EndpointReachable", "False", Unavailable), ("Ready", "False", Unavailable)],
        &["no address of the kind InternalIP", "spec.endpoint.nodeAddress"],
    );
}

#[test]
fn children_are_refused() {
    let refused = |reason: Reason| {
        move |seen: &mut Seen| seen.observed.refusals.push(Refusal { reason, message: "field: fix".into() })
    };
    check(
        refused(PortConflict),
        &[("Accepted", "True", Fine), ("EndpointReachable", "True", Fine), ("Ready", "False", PortConflict)],
        &["field: fix"],
    );
    check(
        |seen| {
            refused(PortConflict)(seen);
            seen.observed.probes.clear();
        },
        &[("EndpointReachable", "False", PortConflict), ("Ready", "False", PortConflict)],
        &[],
    );
    check(
        refused(ModelSourceUnsupported),
        &[("ModelCached", "False", ModelSourceUnsupported), ("Ready", "False", ModelSourceUnsupported)],
        &[],
    );
    check(
        refused(InvalidSpec),
        &[
            ("Accepted", "False", InvalidSpec),
            ("Progressing", "False", InvalidSpec),
            ("Ready", "False", InvalidSpec),
        ],
        &[],
    );
}

#[test]
fn a_quota_takes_no_more_pods() {
    check(
        |seen| {
            seen.second(None, json!({"phase": "Failed"}));
            seen.observed.world.deployment = serde_json::from_value(json!({
                "spec": {"selector": {}, "template": {}},
                "status": {"conditions": [
                    {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: pods=1"},
                ]},
            }))
            .unwrap();
        },
        &[("ReplicasAvailable", "False", Unavailable), ("Ready", "True", Fine)],
        &["exceeded quota"],
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
fn the_model_failed_or_is_still_to_come() {
    let state = |code: i32, message: &str| {
        let mut seen = serving();
        let last = json!({"terminated": {"exitCode": code, "reason": "Error", "message": message}});
        seen.both(Some("edge-1"), stuck("containerStatuses", "runtime", json!({"waiting": {}}), last));
        seen.status_at(NOW).model.unwrap().state
    };
    assert_eq!(state(1, "ModelLoadFailed: cut short"), ModelState::Failed);
    assert_eq!(state(137, ""), ModelState::Pending);
}

#[test]
fn more_endpoints_than_a_status_holds() {
    let mut seen = serving();
    for number in 0..300 {
        let node = format!("edge-{number:03}");
        seen.node(&node, "True");
        seen.probe(&node, ProbeResult::Reached);
    }
    let endpoints = seen.status_at(NOW).endpoints;
    assert_eq!(endpoints.len(), 256);
    assert!(endpoints.is_sorted_by_key(|one| one.node.clone()));
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

#[test]
fn transition_times_move_with_their_verdict_only() {
    let time = |status: &InferenceOffloadStatus, type_: &str| {
        status.conditions.iter().find(|one| one.type_ == type_).unwrap().last_transition_time.0.as_second()
    };
    let mut seen = serving();
    let first = seen.status_at(NOW);
    seen.inputs.offload.status = Some(first.clone());
    seen.observed.probes.clear();
    let second = seen.status_at(NOW + 60);
    assert_eq!(time(&second, "Accepted"), NOW);
    assert_eq!(time(&second, "EndpointReachable"), NOW + 60);
    assert_eq!(time(&second, "Ready"), NOW + 60);
    assert_eq!(second.node_port, first.node_port);
}

#[test]
fn events_tell_transitions_once() {
    let told = |old: &InferenceOffloadStatus, new: &InferenceOffloadStatus| {
        changes(old, new).into_iter().map(|one| (one.warning, one.reason)).collect::<Vec<_>>()
    };
    let empty = InferenceOffloadStatus::default();
    let mut seen = serving();
    let up = seen.status_at(NOW);
    assert_eq!(told(&empty, &up), [(false, "Ready".to_owned())]);

    let failed = json!({"terminated": {"exitCode": 1, "message": "DigestMismatch: other"}});
    seen.both(Some("edge-1"), stuck("initContainerStatuses", "verify", failed, json!({})));
    let down = seen.status_at(NOW);
    assert_eq!(told(&up, &down), [(true, "DigestMismatch".to_owned())]);
    assert_eq!(told(&down, &down), []);

    let failed = json!({"terminated": {"exitCode": 1, "message": "ModelDownloadFailed: no route"}});
    seen.both(Some("edge-1"), stuck("initContainerStatuses", "verify", failed, json!({})));
    assert_eq!(told(&down, &seen.status_at(NOW)), [(true, "ModelDownloadFailed".to_owned())]);
    assert_eq!(told(&down, &up), [(false, "Ready".to_owned())]);

    seen.inputs.offload.spec.suspend = true;
    assert_eq!(told(&up, &seen.status_at(NOW)), [(false, "Suspended".to_owned())]);
}
