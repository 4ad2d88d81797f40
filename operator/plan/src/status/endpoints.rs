//! Where devices dial, by what the handshakes brought.

use crds::offload::EndpointStatus;

use super::{conditions::Verdict, text, view::View};
use crate::{
    Probe, ProbeResult, Reason,
    resources::{advertised_host, is_node_ready, zone},
    validate::service_port,
};

/// As many as the schema takes. Devices get all of them, from the table of nodes.
const ENDPOINTS_MAX: usize = 256;

/// Nodes whose address answered, by name.
pub fn endpoints(view: &View<'_>) -> Vec<EndpointStatus> {
    let nodes = &view.observed.world.nodes;
    let mut all: Vec<EndpointStatus> = reached(view)
        .map(|probe| EndpointStatus {
            node: probe.node.clone(),
            url: probe.url.clone(),
            zone: nodes.get(&probe.node).map(zone).unwrap_or_default(),
        })
        .collect();
    all.sort_by(|one, other| one.node.cmp(&other.node));
    all.dedup_by(|one, other| one.node == other.node);
    all.truncate(ENDPOINTS_MAX);
    all
}

/// The port that the Service has.
pub fn node_port(view: &View<'_>) -> Option<i32> {
    view.observed.world.service.as_ref().and_then(service_port)
}

/// Probes that found the node that they meant.
pub fn reached<'a>(view: &'a View<'_>) -> impl Iterator<Item = &'a Probe> {
    view.observed.probes.iter().filter(|probe| probe.result == ProbeResult::Reached)
}

/// Whether devices reach the offload, whatever generation it serves.
pub fn reachable(view: &View<'_>) -> Verdict {
    let nodes: Vec<&str> = reached(view).map(|probe| probe.node.as_str()).collect();
    let failures: Vec<String> =
        view.observed.probes.iter().filter_map(|probe| failure(probe, view)).collect();
    let details = text::listed(failures.iter().map(String::as_str));
    if !nodes.is_empty() {
        let mut message = format!("{} answers at its address", text::listed(nodes.iter().copied()));
        if !failures.is_empty() {
            message = format!("{message}; not so: {details}");
        }
        return Verdict::met(message);
    }
    if failures.is_empty() {
        return nothing_to_dial(view);
    }
    let results = view.observed.probes.iter().map(|probe| &probe.result);
    let reason = if view.observed.probes.iter().all(|probe| is_cut_off(&probe.node, view)) {
        Reason::NodeNotReady
    } else if results.into_iter().all(|result| matches!(result, ProbeResult::NotReady(_))) {
        Reason::Pending
    } else {
        Reason::Unavailable
    };
    Verdict::unmet(reason, details)
}

fn failure(probe: &Probe, view: &View<'_>) -> Option<String> {
    let Probe { node, url, result, told: _ } = probe;
    Some(match result {
        ProbeResult::Reached => return None,
        ProbeResult::WrongEndpoint(other) => format!(
            "{url} leads to {other} and not to node {node}; look at the node's address and at spec.endpoint.nodeAddress \
             of the class"
        ),
        ProbeResult::NotReady(code) => {
            format!("{url} on node {node} answers {code}: the model is not ready there yet")
        }
        ProbeResult::Unreachable(_) if is_cut_off(node, view) => format!("node {node} does not report"),
        ProbeResult::Unreachable(why) => format!(
            "{url} on node {node} does not answer ({}); let the operator and devices through to the node port",
            text::quote(why)
        ),
    })
}

fn nothing_to_dial(view: &View<'_>) -> Verdict {
    let world = &view.observed.world;
    let ready: Vec<&str> =
        view.fleet.pods.iter().filter(|pod| pod.ready).filter_map(|pod| pod.node.as_deref()).collect();
    if ready.is_empty() {
        return Verdict::unmet(Reason::Pending, "no pod serves yet");
    }
    let Some(class) = view.class else {
        return Verdict::unmet(Reason::Unavailable, "pods serve, and no address of theirs was dialled");
    };
    let kind = class.endpoint.node_address;
    let without: Vec<&str> = ready
        .into_iter()
        .filter(|name| world.nodes.get(*name).is_none_or(|node| advertised_host(node, kind).is_none()))
        .collect();
    if without.is_empty() {
        return Verdict::unmet(Reason::Pending, "pods serve; their addresses were not dialled yet");
    }
    let message = format!(
        "node {} has no address of the kind {kind:?}; add one, or change spec.endpoint.nodeAddress of the class",
        text::listed(without)
    );
    Verdict::unmet(Reason::Unavailable, message)
}

fn is_cut_off(node: &str, view: &View<'_>) -> bool {
    view.observed.world.nodes.get(node).is_some_and(|node| !is_node_ready(node))
}
