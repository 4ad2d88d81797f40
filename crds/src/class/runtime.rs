//! The model server of a class.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The model server. It listens on loopback only; models stand in /models/NAME/VERSION/.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Runtime {
    /// Image of the model server.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// When the kubelet pulls the image.
    #[serde(default)]
    pub image_pull_policy: ImagePullPolicy,
    /// Secrets with registry credentials, by name, in the namespace of the offload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<String>,
    /// Arguments of the model server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub args: Vec<String>,
    /// Environment of the model server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Where the model server listens.
    pub upstream: Upstream,
    /// Model formats that the server loads, for instance onnx or plan. The file is called model.FORMAT.
    #[schemars(length(min = 1, max = 8), inner(length(max = 16)))]
    #[x_kube(validation = Rule::new("self.all(f, f.matches('^[a-z0-9]{1,16}$'))")
        .message("runtime.modelFormats: use 1 to 16 lower-case letters and digits each, for instance onnx"))]
    pub model_formats: Vec<String>,
    /// Longest time from the start of a pod until its model answers, in seconds.
    #[serde(default = "default_startup")]
    #[schemars(range(min = 1, max = 3600))]
    pub startup_timeout_seconds: i32,
    /// CPU and memory of the model server.
    #[serde(default)]
    pub resources: Resources,
    /// User id of every container; 0 is refused.
    #[serde(default = "default_user")]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub run_as_user: i64,
    /// Writable memory folders, absolute paths; the root is read-only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(max = 256)))]
    #[x_kube(validation = Rule::new("self.all(p, p.startsWith('/') && !p.contains('..') && !p.startsWith('/models') && p != '/')")
        .message("runtime.scratch: use absolute paths without .. outside /models, for instance /tmp"))]
    pub scratch: Vec<String>,
    /// Size of /dev/shm, for servers that need it, for instance 256Mi. Absent: the container runtime's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::quantity::one")]
    #[x_kube(validation = Rule::new("isQuantity(self)")
        .message("runtime.sharedMemory: use a quantity, for instance 256Mi"))]
    pub shared_memory: Option<Quantity>,
}

fn default_startup() -> i32 {
    300
}

fn default_user() -> i64 {
    65_532
}

/// When the kubelet pulls an image.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImagePullPolicy {
    /// At every start.
    Always,
    /// When the node does not have it.
    #[default]
    IfNotPresent,
    /// Never: the node has it, or the pod fails.
    Never,
}

/// Loopback ports of the model server, at least one. Requests are passed on in the protocol that they came in; the
/// device library speaks HTTP.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.http) || has(self.grpc)")
    .message("runtime.upstream: name http, grpc or both, for instance http: 8000"))]
#[x_kube(validation = Rule::new("!has(self.http) || !has(self.grpc) || self.http != self.grpc")
    .message("runtime.upstream: http and grpc are different ports; choose another, for instance grpc: 8001"))]
pub struct Upstream {
    /// Port of the Open Inference Protocol over HTTP. 8080 and 9090 are the sidecar's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    #[x_kube(validation = Rule::new("self != 8080 && self != 9090")
        .message("runtime.upstream.http: 8080 and 9090 are the sidecar's ports; choose another, for instance 8000"))]
    pub http: Option<i32>,
    /// Port of the Open Inference Protocol over gRPC. 8080 and 9090 are the sidecar's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    #[x_kube(validation = Rule::new("self != 8080 && self != 9090")
        .message("runtime.upstream.grpc: 8080 and 9090 are the sidecar's ports; choose another, for instance 8001"))]
    pub grpc: Option<i32>,
}

/// CPU and memory, as in a container.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    /// What the scheduler sets aside, for instance cpu: 500m.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::quantity::named")]
    pub requests: BTreeMap<String, Quantity>,
    /// What the kernel enforces, for instance memory: 2Gi.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::quantity::named")]
    pub limits: BTreeMap<String, Quantity>,
}
