//! What the operator observed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator observed; never what it planned.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct InferenceOffloadStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Pods that exist.
    #[serde(default)]
    pub replicas: i32,
    /// Pods that serve.
    #[serde(default)]
    pub ready_replicas: i32,
    /// Pods that serve, of those wished for, for instance 1/2.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ready_summary: String,
    /// Labels of the pods, as text, for the scale subresource.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub selector: String,
    /// The class in use; the default class when the spec names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    /// Accepted, ReplicasAvailable, ModelCached, RuntimeReady, EndpointReachable, Progressing and the summary Ready.
    #[serde(default)]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelStatus>,
    /// Where devices dial: nodes that run a serving pod and whose address answered.
    #[serde(default)]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["node".into()]))]
    pub endpoints: Vec<EndpointStatus>,
    /// What nodes were measured to do. A figure changes after ten minutes at the earliest and by a quarter at least; load never
    /// stands here. Nothing is measured where endpoints ask for credentials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["node".into(), "digest".into()]))]
    pub capacity: Vec<CapacityStatus>,
    /// The node port; asked for again when the Service is made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<i32>,
}

/// The model as it is served.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelStatus {
    /// Name in protocol URLs.
    pub name: String,
    /// Digest that every serving pod has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_digest: Option<String>,
    /// Digest of the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_digest: Option<String>,
    /// How far the model of the spec is.
    pub state: ModelState,
}

/// How far a model is.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelState {
    /// No pod serves it yet.
    Pending,
    /// Some pods serve it, others still the one before.
    Rolling,
    /// Every serving pod has it.
    Loaded,
    /// It could not be fetched, verified or loaded.
    Failed,
}

/// An address that devices dial.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// The node; also the id of the endpoint.
    pub node: String,
    /// Where devices dial it, for instance http://192.0.2.11:30080.
    pub url: String,
    /// The node's topology.kubernetes.io/zone; empty when it has none.
    #[serde(default)]
    pub zone: String,
}

/// What the pods of one model on one node were measured to do.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapacityStatus {
    /// The node.
    pub node: String,
    /// Digest of the model file; empty where the spec names none.
    #[serde(default)]
    pub digest: String,
    /// Requests inside the model servers at once, of all its pods together.
    pub concurrency: i32,
    /// Median time in the model server.
    pub service_time_p50_microseconds: i64,
    /// 95th percentile of the time in the model server.
    pub service_time_p95_microseconds: i64,
    /// When these figures were taken.
    pub measured_at: Time,
}
