//! What keeps a pod from serving, and which condition says so.

use super::*;

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
fn the_certificate_of_the_endpoint_is_missing() {
    let waiting = |seconds: i64| {
        move |seen: &mut Seen| {
            seen.inputs.classes[0].spec.endpoint.tls = Some(crds::class::Tls {
                secret_name: "site-tls".into(),
                client_ca_config_map_name: Some("device-ca".into()),
                minimum_version: crds::class::TlsVersion::V1_3,
            });
            let conditions = json!([
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": at(NOW - seconds)},
                {"type": "PodReadyToStartContainers", "status": "False"},
            ]);
            seen.both(Some("edge-1"), json!({"phase": "Pending", "conditions": conditions}));
        }
    };
    check(
        waiting(31),
        &[("RuntimeReady", "False", TlsSecretNotFound), ("Ready", "False", TlsSecretNotFound)],
        &["Secret site-tls", "tls.crt", "spec.endpoint.tls.secretName", "ConfigMap device-ca"],
    );
    check(waiting(20), &[("RuntimeReady", "False", Pending), ("Ready", "False", Pending)], &[]);
}

#[test]
fn a_pod_that_waits_for_its_volumes_is_looked_at_when_it_has_waited_too_long() {
    let pod = |seconds: i64, started: &str| {
        let conditions = json!([
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": at(NOW - seconds)},
            {"type": "PodReadyToStartContainers", "status": started},
        ]);
        serde_json::from_value(json!({"metadata": {}, "status": {"conditions": conditions}})).unwrap()
    };
    let patience = |pods: &[Pod]| {
        let now = Timestamp::from_second(NOW).unwrap();
        plan::status::patience(pods, now).map(|left| left.as_secs())
    };
    assert_eq!(patience(&[pod(0, "False")]), Some(31));
    assert_eq!(patience(&[pod(12, "False"), pod(3, "True"), pod(2, "False")]), Some(19));
    assert_eq!(patience(&[pod(31, "False"), pod(5, "True")]), None);
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
