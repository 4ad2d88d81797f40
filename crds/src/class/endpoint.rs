//! How devices reach the offloads of a class.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How devices reach the offloads of a class.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// How the endpoint leaves the cluster.
    #[serde(default)]
    pub exposure: Exposure,
    /// Node ports that offloads may ask for by number. Absent: none, the API server chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port_range: Option<PortRange>,
    /// Which address of a node devices dial.
    #[serde(default)]
    pub node_address: NodeAddress,
    /// Who may ask. None must be written out.
    pub auth: Auth,
}

/// How an endpoint leaves the cluster.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exposure {
    /// A port of each node that runs a pod; a node's address leads only to that node's pods.
    #[default]
    NodePort,
}

/// Node ports, both ends included.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.first <= self.last")
    .message("endpoint.nodePortRange: first must not be greater than last"))]
pub struct PortRange {
    /// The lowest port.
    #[schemars(range(min = 1, max = 65535))]
    pub first: i32,
    /// The highest port.
    #[schemars(range(min = 1, max = 65535))]
    pub last: i32,
}

/// Which address of a node devices dial.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeAddress {
    /// The node's InternalIP.
    #[default]
    InternalIP,
    /// The node's ExternalIP.
    ExternalIP,
    /// The node's annotation longshore.dev/advertised-host.
    Annotation,
}

/// Who may ask.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Auth {
    /// Anyone who reaches the port.
    None,
}
