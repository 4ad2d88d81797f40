//! What is taken away from objects before they are cached, and what of them counts as a change.

use std::hash::{DefaultHasher, Hasher as _};

use crds::InferenceOffload;
use k8s_openapi::api::core::v1::{Node, NodeSpec};
use kube::{Resource, ResourceExt as _};

/// Half of an object's size, and nothing here reads them.
pub fn managed_fields<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}

/// Keeps of a node what a plan or a status may read; what heartbeats change goes.
pub fn node(node: &mut Node) {
    let meta = &mut node.metadata;
    meta.managed_fields = None;
    meta.resource_version = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|name, _| name == crds::ADVERTISED_HOST_ANNOTATION);
    }
    node.spec = node.spec.take().map(|spec| NodeSpec {
        taints: spec.taints,
        unschedulable: spec.unschedulable,
        ..NodeSpec::default()
    });
    if let Some(status) = &mut node.status {
        status.images = None;
        status.volumes_attached = None;
        status.volumes_in_use = None;
        status.node_info = None;
        status.runtime_handlers = None;
        for condition in status.conditions.iter_mut().flatten() {
            condition.last_heartbeat_time = None;
        }
    }
}

/// Fingerprint of everything that [`node`] left.
pub fn content(node: &Node) -> u64 {
    let text = serde_json::to_vec(node).expect("a node is a tree of plain values");
    hash(&text)
}

/// Fingerprint of what a user wishes: our own writes of the status wake nobody.
pub fn wish(offload: &InferenceOffload) -> u64 {
    let meta = &offload.metadata;
    hash(&(
        &meta.uid,
        meta.generation,
        meta.deletion_timestamp.is_some(),
        offload.labels(),
        offload.annotations(),
    ))
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
