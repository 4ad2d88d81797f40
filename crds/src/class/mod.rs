//! `OffloadClass`: the owner's decisions that a tenant must not make.

pub mod endpoint;
pub mod models;
pub mod placement;
pub mod runtime;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use endpoint::{
    Algorithm, Auth, Endpoint, Exposure, Jwt, NodeAddress, PortRange, Quota, Tls, TlsVersion,
};
pub use models::{DigestRule, Models, SourceKind};
pub use placement::{Accelerator, AcceleratorResource, Placement};
pub use runtime::{ImagePullPolicy, Resources, Runtime, Upstream};

/// What may run, as whom, on which hardware, from where models come, for which namespaces, and how much of it.
#[allow(clippy::duplicated_attributes)] // Each printer column has a type of its own.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[kube(
    group = "longshore.dev",
    version = "v1alpha1",
    kind = "OffloadClass",
    category = "longshore",
    doc = "The site owner's decisions that a tenant must not make: runtime, hardware, model sources, limits.",
    derive = "PartialEq",
    crates(kube_core = "::kube_core"),
    printcolumn(name = "Accelerator", type_ = "string", json_path = ".spec.accelerator.resource.name"),
    printcolumn(name = "Exposure", type_ = "string", json_path = ".spec.endpoint.exposure"),
    printcolumn(
        name = "Default",
        type_ = "string",
        json_path = r".metadata.annotations.longshore\.dev/is-default-class"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct OffloadClassSpec {
    /// Labels of the namespaces whose offloads may use this class. Absent: every namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<LabelSelector>,
    /// How much one offload may ask for.
    #[serde(default)]
    pub limits: Limits,
    /// The model server.
    pub runtime: Runtime,
    /// The accelerator that each replica gets. Absent: none, the model runs on the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<Accelerator>,
    /// RuntimeClass of the pods, for instance nvidia. Absent: the cluster's default runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub runtime_class_name: Option<String>,
    /// Where pods may run.
    #[serde(default)]
    pub placement: Placement,
    /// Where models may come from.
    pub models: Models,
    /// How devices reach the offloads of this class.
    pub endpoint: Endpoint,
}

/// How much one offload may ask for.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Most replicas of one offload.
    #[schemars(range(min = 1, max = 1000))]
    pub replicas: i32,
    /// Most accelerators of one replica.
    #[schemars(range(min = 1, max = 64))]
    pub accelerators_per_replica: i32,
    /// Longest request body that an offload may allow, in bytes.
    #[schemars(range(min = 1, max = 1_073_741_824))]
    pub payload_bytes: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { replicas: 8, accelerators_per_replica: 1, payload_bytes: 16 << 20 }
    }
}
