//! Sidecar configurations of earlier generations that nothing uses.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ConfigMap, PodSpec};

use crate::{Valid, World};

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

/// Everything that is neither planned nor mounted by a pod nor by the Deployment as it stands.
pub fn deletions(valid: &Valid, world: &World, planned: &str) -> Vec<Deletion> {
    let mounted = mounted(world);
    let unused = world.sidecar_configs.iter().filter(|config| {
        let name = config.metadata.name.as_deref().unwrap_or_default();
        name != planned && !mounted.contains(name) && is_ours(config, valid)
    });
    let mut deletions: Vec<Deletion> = unused.filter_map(deletion).collect();
    deletions.sort_by(|one, other| one.name.cmp(&other.name));
    deletions
}

/// Made for this very offload. The policy carries the same labels and is not immutable.
fn is_ours(config: &ConfigMap, valid: &Valid) -> bool {
    let owners = config.metadata.owner_references.iter().flatten();
    config.immutable == Some(true) && owners.map(|owner| &owner.uid).any(|uid| *uid == valid.uid)
}

fn deletion(config: &ConfigMap) -> Option<Deletion> {
    let metadata = &config.metadata;
    Some(Deletion {
        name: metadata.name.clone()?,
        uid: metadata.uid.clone()?,
        resource_version: metadata.resource_version.clone()?,
    })
}

fn mounted(world: &World) -> BTreeSet<&str> {
    let deployment = world.deployment.iter().filter_map(|deployment| deployment.spec.as_ref());
    let templates = deployment.filter_map(|spec| spec.template.spec.as_ref());
    let pods = world.pods.iter().filter_map(|pod| pod.spec.as_ref());
    templates.chain(pods).flat_map(config_maps).collect()
}

fn config_maps(spec: &PodSpec) -> impl Iterator<Item = &str> {
    let volumes = spec.volumes.iter().flatten();
    volumes.filter_map(|volume| volume.config_map.as_ref().map(|source| source.name.as_str()))
}
