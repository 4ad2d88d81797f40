//! Addresses, refusals, times and events.

use super::*;

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
