//! Metadata of every child: name, labels, the owner that takes it along, and the hash of the intent.

use std::collections::BTreeMap;

use crds::GROUP;
use k8s_openapi::{
    Metadata,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use serde::Serialize;

use crate::{Valid, names};

/// Metadata of a child called `name`.
pub fn child(valid: &Valid, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(valid.namespace.clone()),
        labels: Some(names::labels(&valid.name)),
        owner_references: Some(vec![owner(valid)]),
        ..ObjectMeta::default()
    }
}

/// The child with the hash of its intent: a field that left the plan shows, although nothing planned differs.
pub fn seal<K>(mut child: K) -> K
where
    K: Metadata<Ty = ObjectMeta> + Serialize,
{
    let intent = serde_json::to_vec(&child).expect("a Kubernetes object is a tree of plain values");
    let annotations = child.metadata_mut().annotations.get_or_insert_with(BTreeMap::new);
    annotations.insert(names::PLAN_HASH_ANNOTATION.into(), names::short_hash(&intent));
    child
}

fn owner(valid: &Valid) -> OwnerReference {
    OwnerReference {
        api_version: format!("{GROUP}/v1alpha1"),
        kind: "InferenceOffload".into(),
        name: valid.name.clone(),
        uid: valid.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
