//! What devices are told, in a `ConfigMap` that pods read again when it changes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use wire::PolicyBundle;

use super::{canonical, meta, node_table, paths};
use crate::{Valid, World, names};

/// `<name>-policy`.
pub fn config_map(valid: &Valid, world: &World) -> ConfigMap {
    let mut table = node_table((&valid.class.endpoint).into(), world);
    for node in &mut table.nodes {
        node.service_times = valid.service_times.get(&node.name).copied();
    }
    let bundle = PolicyBundle { issued_at_unix_seconds: issued_at(valid, world), ..valid.bundle.clone() };
    let data = BTreeMap::from([
        (paths::POLICY_KEY.into(), canonical::json(&bundle)),
        (paths::NODES_KEY.into(), canonical::json(&table)),
    ]);
    ConfigMap {
        metadata: meta::child(valid, names::policy(&valid.name)),
        data: Some(data),
        immutable: None,
        binary_data: None,
    }
}

/// The latest moment that the API server vouches for: when the offload or one of its pods was created. A sidecar on a board
/// that boots in 1970 knows by it at least when its own pod was.
fn issued_at(valid: &Valid, world: &World) -> Option<u64> {
    let pods = world.pods.iter().map(|pod| &pod.metadata);
    let created = pods.filter_map(|metadata| metadata.creation_timestamp.as_ref());
    let seconds = created.filter_map(|time| u64::try_from(time.0.as_second()).ok());
    seconds.chain(valid.bundle.issued_at_unix_seconds).max()
}
