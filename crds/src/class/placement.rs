//! Which hardware a class uses and where its pods may run.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The accelerator that each replica gets.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accelerator {
    /// An extended resource that a device plugin advertises.
    pub resource: AcceleratorResource,
}

/// An extended resource.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct AcceleratorResource {
    /// Name of the resource, any vendor's: nvidia.com/gpu, nvidia.com/mig-1g.10gb, amd.com/gpu.
    #[schemars(length(min = 3, max = 316))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')")
        .message("accelerator.resource.name: use VENDOR/NAME, for instance nvidia.com/gpu"))]
    pub name: String,
}

/// Where pods may run.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Placement {
    /// Labels that a node must have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that pods tolerate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,
    /// How long pods stay on a node that is cut off from the API server, in seconds; they keep serving their devices.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub not_ready_toleration_seconds: i64,
}

impl Default for Placement {
    fn default() -> Self {
        Self { node_selector: BTreeMap::new(), tolerations: Vec::new(), not_ready_toleration_seconds: 86_400 }
    }
}
