//! The children of an offload. A plan leaves nothing to choose.
//!
//! Enters: an accepted offload, what runs, the installation's settings. Leaves: server-side-apply intents, complete and
//! deterministic; a field that somebody else decides is left out. It never looks at a status to decide what is wished.

mod account;
mod budget;
mod canonical;
mod containers;
mod credentials;
mod deletions;
mod deployment;
mod meta;
mod network_policy;
mod nodes;
mod paths;
mod pod;
mod policy;
mod services;
mod sidecar_config;
mod spec_hash;
mod volumes;

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};

pub(crate) use containers::{FETCH_NAME, RUNTIME_NAME, SIDECAR_NAME, VERIFY_NAME};
pub use deletions::Deletion;
pub use nodes::{Dialling, admin_addresses, advertised_host, node_table};
pub(crate) use nodes::{is_node_ready, is_pod_ready, zone};
pub(crate) use spec_hash::spec_hash;

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
    /// `<name>`: who may talk to the pods.
    pub network_policy: NetworkPolicy,
    /// `<name>`: what devices dial.
    pub service: Service,
    /// `<name>` on any free port, for when the recorded one has become another's; none where the spec names the port.
    pub service_elsewhere: Option<Service>,
    /// `<name>-peers`: headless.
    pub peers: Service,
    /// `<name>`: one replica at a time may be evicted.
    pub budget: PodDisruptionBudget,
    /// `<name>-model`.
    pub model: Deployment,
    /// Children of earlier generations that nothing uses.
    pub deletions: Vec<Deletion>,
}

/// Plans the children.
#[must_use]
pub fn resources(valid: &Valid, world: &World, settings: &Settings) -> Resources {
    let sidecar_config = sidecar_config::config_map(valid);
    let sidecar_config_name = sidecar_config.metadata.name.clone().unwrap_or_default();
    Resources {
        service_account: meta::seal(account::service_account(valid)),
        policy: meta::seal(policy::config_map(valid, world)),
        network_policy: meta::seal(network_policy::network_policy(valid, settings)),
        service: meta::seal(services::service(valid)),
        service_elsewhere: services::elsewhere(valid).map(meta::seal),
        peers: meta::seal(services::peers(valid)),
        budget: meta::seal(budget::budget(valid)),
        model: meta::seal(deployment::deployment(valid, world, settings, &sidecar_config_name)),
        deletions: deletions::deletions(valid, world, &sidecar_config_name),
        sidecar_config: meta::seal(sidecar_config),
    }
}
