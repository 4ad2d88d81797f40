//! Who answers at an address, and the table of nodes that the operator keeps.

use serde::{Deserialize, Serialize};

use crate::{Digest, bundle::ServiceTimes};

/// One endpoint of an offload. In a cluster an endpoint is a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// The node's name; the id of the endpoint.
    pub name: String,
    /// Where devices dial it, for instance `http://192.0.2.13:30080`.
    pub url: String,
    /// The site; `topology.kubernetes.io/zone` of the node, empty when it has none.
    #[serde(default)]
    pub zone: String,
    /// What the operator knows of its time in the model server; absent while it knows nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_times: Option<ServiceTimes>,
}

/// The file `nodes.json` of the policy `ConfigMap`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeTable {
    /// The nodes that serve this offload, by name.
    pub nodes: Vec<Node>,
}

/// Answer of `GET /v1alpha1/endpoint`: identity and capacity, never load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointInfo {
    /// Id of the endpoint; in a cluster the node's name.
    pub endpoint_id: String,
    /// Where devices dial it; empty while the table of nodes does not name it yet.
    pub url: String,
    /// The site.
    pub zone: String,
    /// The served model.
    pub model: ServedModel,
    /// Requests inside the model server at once.
    pub max_concurrency: u32,
    /// Measured here; absent before the first request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_times: Option<ServiceTimes>,
}

/// The model behind an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServedModel {
    /// Name in protocol URLs.
    pub name: String,
    /// Version in protocol URLs, when the configuration names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Digest of the model file, when the configuration names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}
