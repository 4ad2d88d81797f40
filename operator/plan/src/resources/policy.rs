//! What devices are told, in a `ConfigMap` that pods read again when it changes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use super::{canonical, meta, node_table, paths};
use crate::{Valid, World, names};

/// `<name>-policy`.
pub fn config_map(valid: &Valid, world: &World) -> ConfigMap {
    let nodes = node_table((&valid.class.endpoint).into(), world);
    let data = BTreeMap::from([
        (paths::POLICY_KEY.into(), canonical::json(&valid.bundle)),
        (paths::NODES_KEY.into(), canonical::json(&nodes)),
    ]);
    ConfigMap {
        metadata: meta::child(valid, names::policy(&valid.name)),
        data: Some(data),
        immutable: None,
        binary_data: None,
    }
}
