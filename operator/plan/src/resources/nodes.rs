//! The table of nodes: which nodes serve the offload, and where devices dial them.

use std::net::{IpAddr, SocketAddr};

use crds::{
    ADVERTISED_HOST_ANNOTATION,
    class::{Endpoint, NodeAddress},
};
use k8s_openapi::api::core::v1::{Node, Pod};
use wire::NodeTable;

use super::{containers::SIDECAR_NAME, paths::ADMIN_PORT};
use crate::{World, validate::service_port};

const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

/// How devices dial the nodes of a class.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dialling {
    address: NodeAddress,
    tls: bool,
}

impl From<&Endpoint> for Dialling {
    fn from(endpoint: &Endpoint) -> Self {
        Self { address: endpoint.node_address, tls: endpoint.tls.is_some() }
    }
}

/// Nodes with a serving pod, by name. Empty while the Service has no port: there is nothing to dial.
#[must_use]
pub fn node_table(dialling: Dialling, world: &World) -> NodeTable {
    let Some(port) = world.service.as_ref().and_then(service_port) else { return NodeTable::default() };
    let serving = world.nodes.iter().filter(|(name, node)| serves(name, node, &world.pods));
    let rows = serving.filter_map(|(name, node)| {
        let host = advertised_host(node, dialling.address)?;
        let url = url(if dialling.tls { "https" } else { "http" }, &host, port);
        Some(wire::Node { name: name.clone(), url, zone: zone(node), service_times: None })
    });
    NodeTable { nodes: rows.collect() }
}

/// The host of a node that devices dial; none when the node does not have one of that kind.
#[must_use]
pub fn advertised_host(node: &Node, kind: NodeAddress) -> Option<String> {
    let wanted = match kind {
        NodeAddress::InternalIP => "InternalIP",
        NodeAddress::ExternalIP => "ExternalIP",
        NodeAddress::Annotation => {
            return node.metadata.annotations.as_ref()?.get(ADVERTISED_HOST_ANNOTATION).cloned();
        }
    };
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    addresses.iter().find(|one| one.type_ == wanted).map(|one| one.address.clone())
}

/// Where the pods that serve on this node tell about themselves.
#[must_use]
pub fn admin_addresses(node: &str, pods: &[Pod]) -> Vec<SocketAddr> {
    let serving = pods.iter().filter(|pod| is_on(node, pod) && is_pod_ready(pod));
    let ips = serving.filter_map(|pod| pod.status.as_ref()?.pod_ip.as_ref()?.parse::<IpAddr>().ok());
    ips.filter_map(|ip| Some((ip, u16::try_from(ADMIN_PORT).ok()?).into())).collect()
}

/// Whether the node controller hears from the node.
pub fn is_node_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.filter(|condition| condition.type_ == "Ready").any(|condition| condition.status == "True")
}

/// Whether the pod serves: ready and staying.
pub fn is_pod_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready =
        conditions.filter(|condition| condition.type_ == "Ready").any(|condition| condition.status == "True");
    ready && pod.metadata.deletion_timestamp.is_none()
}

/// Whether the sidecar was ready when the kubelet was last heard. On a node that is cut off, the node controller takes
/// the pod's readiness away, but the pod goes on serving its devices.
fn had_been_serving(pod: &Pod) -> bool {
    let sidecars = pod.status.iter().flat_map(|status| status.init_container_statuses.iter().flatten());
    let ready = sidecars.filter(|status| status.name == SIDECAR_NAME).any(|status| status.ready);
    ready && pod.metadata.deletion_timestamp.is_none()
}

fn is_on(node: &str, pod: &Pod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node)
}

fn serves(name: &str, node: &Node, pods: &[Pod]) -> bool {
    let mut here = pods.iter().filter(|pod| is_on(name, pod));
    if is_node_ready(node) { here.any(is_pod_ready) } else { here.any(had_been_serving) }
}

/// The site of a node; empty when it has none.
pub fn zone(node: &Node) -> String {
    node.metadata.labels.as_ref().and_then(|labels| labels.get(ZONE_LABEL)).cloned().unwrap_or_default()
}

fn url(scheme: &str, host: &str, port: i32) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("{scheme}://[{host}]:{port}")
    } else {
        format!("{scheme}://{host}:{port}")
    }
}
