//! The children of an offload. A plan leaves nothing to choose.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};

use crate::{Valid, World, inputs::Settings};

/// Everything that the operator owns for one offload, in the order in which it is applied.
#[derive(Clone, Debug)]
pub struct Resources {
    /// `<name>-model`: pods run as it, without a token.
    pub service_account: ServiceAccount,
    /// `<name>-sidecar-<hash>`: immutable, tied to the pod template.
    pub sidecar_config: ConfigMap,
    /// `<name>-policy`: `policy.json` and `nodes.json`.
    pub policy: ConfigMap,
    /// `<name>`: what devices dial.
    pub service: Service,
    /// `<name>-peers`: headless.
    pub peers: Service,
    /// `<name>`: one replica at a time may be evicted.
    pub budget: PodDisruptionBudget,
    /// `<name>`: who may talk to the pods.
    pub network_policy: NetworkPolicy,
    /// `<name>-model`.
    pub model: Deployment,
    /// Children of earlier generations that nothing uses.
    pub deletions: Vec<Deletion>,
}

/// A `ConfigMap` to delete, with the preconditions of the delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Name of the `ConfigMap`.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its resource version.
    pub resource_version: String,
}

/// Plans the children.
#[must_use]
pub fn resources(valid: &Valid, world: &World, settings: &Settings) -> Resources {
    let _ = (valid, world, settings);
    Resources {
        service_account: ServiceAccount::default(),
        sidecar_config: ConfigMap::default(),
        policy: ConfigMap::default(),
        service: Service::default(),
        peers: Service::default(),
        budget: PodDisruptionBudget::default(),
        network_policy: NetworkPolicy::default(),
        model: Deployment::default(),
        deletions: Vec::new(),
    }
}
