//! What the operator fetched before it plans: the offload and the part of the cluster that concerns it.

use std::collections::BTreeMap;

use crds::{InferenceOffload, OffloadClass};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Node, Pod, Service},
};

/// Everything that a plan may depend on.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The offload, as the API server has it.
    pub offload: InferenceOffload,
    /// Every class: by name, and to find the default.
    pub classes: Vec<OffloadClass>,
    /// Labels of the offload's namespace.
    pub namespace_labels: BTreeMap<String, String>,
    /// Names of the RuntimeClasses.
    pub runtime_classes: Vec<String>,
    /// What runs already.
    pub world: World,
    /// What the installation decides for every offload.
    pub settings: Settings,
}

/// Children that exist and the nodes that they run on.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The Deployment `<name>-model`.
    pub deployment: Option<Deployment>,
    /// The Service that devices dial.
    pub service: Option<Service>,
    /// Every `<name>-sidecar-<hash>` of the offload.
    pub sidecar_configs: Vec<ConfigMap>,
    /// Pods of the offload.
    pub pods: Vec<Pod>,
    /// Nodes, by name; managed fields and images may be stripped.
    pub nodes: BTreeMap<String, Node>,
}

/// What the installation decides for every offload.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Image of the sidecar and of the init containers.
    pub sidecar_image: String,
    /// When the kubelet pulls it: `Always`, `IfNotPresent` or `Never`.
    pub sidecar_image_pull_policy: String,
    /// Namespace of the operator; its pods may read the sidecars' metrics.
    pub operator_namespace: String,
}
