//! From caches to the inputs of a plan. Writes nothing and decides nothing.

use std::{collections::BTreeMap, sync::Arc};

use crds::InferenceOffload;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    Resource, ResourceExt as _,
    runtime::reflector::{self, ObjectRef, Store},
};
use plan::{Inputs, World, names};

use crate::{context::Context, error::Error, stores};

/// The offload and the part of the cluster that concerns it.
///
/// # Errors
/// A watch has ended.
pub async fn inputs(ctx: &Context, offload: &InferenceOffload) -> Result<Inputs, Error> {
    ctx.stores.ready().await?;
    let namespace = offload.namespace().unwrap_or_default();
    let known = ctx.stores.namespaces.get(&ObjectRef::new(&namespace));
    Ok(Inputs {
        offload: offload.clone(),
        classes: ctx.stores.classes.state().into_iter().map(Arc::unwrap_or_clone).collect(),
        namespace_labels: known.and_then(|found| found.metadata.labels.clone()).unwrap_or_default(),
        runtime_classes: ctx.stores.runtime_classes.state().iter().map(|class| class.name_any()).collect(),
        world: world(ctx, &namespace, &offload.name_any()),
        settings: ctx.settings.clone(),
    })
}

/// What runs for an offload, and the nodes.
#[must_use]
pub fn world(ctx: &Context, namespace: &str, offload: &str) -> World {
    let children = &ctx.stores.children;
    let sidecar_configs = of_offload(&children.config_maps, namespace, offload)
        .into_iter()
        // The policy is the only other one, and it is never deleted.
        .filter(|config: &ConfigMap| config.name_any() != names::policy(offload))
        .collect();
    let nodes =
        ctx.stores.nodes.state().into_iter().map(|node| (node.name_any(), Arc::unwrap_or_clone(node)));
    World {
        deployment: get(&children.deployments, namespace, &names::model(offload)),
        service: get(&children.services, namespace, offload),
        sidecar_configs,
        pods: of_offload::<Pod>(&ctx.stores.pods, namespace, offload),
        nodes: nodes.collect::<BTreeMap<_, _>>(),
    }
}

fn get<K>(store: &Store<K>, namespace: &str, name: &str) -> Option<K>
where
    K: reflector::Lookup<DynamicType = ()> + Clone + 'static,
{
    store.get(&stores::key(namespace, name)).map(Arc::unwrap_or_clone)
}

fn of_offload<K>(store: &Store<K>, namespace: &str, offload: &str) -> Vec<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let ours = |object: &K| {
        object.meta().namespace.as_deref() == Some(namespace)
            && object.labels().get(names::OFFLOAD_LABEL).is_some_and(|name| name == offload)
    };
    let mut found: Vec<K> = store.state_filter(ours).into_iter().map(Arc::unwrap_or_clone).collect();
    // A cache has no order; a plan must not depend on one.
    found.sort_by_key(|object| object.name_any());
    found
}
