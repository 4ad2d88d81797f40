//! The Deployment: how many pods, and how they are replaced.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::PodTemplateSpec,
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};

use super::{is_node_ready, meta, pod, spec_hash};
use crate::{Valid, World, inputs::Settings, names};

/// Enough to look at what ran before; a rollback is a change of the offload.
const REVISIONS_KEPT: i32 = 2;

/// `<name>-model`.
pub fn deployment(valid: &Valid, world: &World, settings: &Settings, sidecar_config: &str) -> Deployment {
    let selector = names::selector(&valid.name);
    Deployment {
        metadata: meta::child(valid, names::model(&valid.name)),
        spec: Some(DeploymentSpec {
            replicas: Some(i32::try_from(valid.replicas).unwrap_or(i32::MAX)),
            selector: LabelSelector { match_labels: Some(selector), ..LabelSelector::default() },
            strategy: Some(strategy(valid, world)),
            progress_deadline_seconds: Some(valid.class.runtime.startup_timeout_seconds),
            revision_history_limit: Some(REVISIONS_KEPT),
            template: template(valid, settings, sidecar_config),
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

fn template(valid: &Valid, settings: &Settings, sidecar_config: &str) -> PodTemplateSpec {
    let hash = spec_hash(valid);
    let mut annotations = BTreeMap::from([(names::SPEC_HASH_ANNOTATION.into(), hash)]);
    annotations.extend(
        valid.model.digest.iter().map(|digest| (names::DIGEST_ANNOTATION.into(), digest.to_string())),
    );
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(names::labels(&valid.name)),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(pod::spec(valid, settings, sidecar_config)),
    }
}

/// There is no spare accelerator, so a replica goes before its successor comes. Pods on nodes that are cut off count as
/// unavailable already; without room for them a rollout would wait for the nodes.
fn strategy(valid: &Valid, world: &World) -> DeploymentStrategy {
    let (surge, unavailable) = if valid.accelerators > 0 { (0, 1 + cut_off(world)) } else { (1, 0) };
    DeploymentStrategy {
        type_: Some("RollingUpdate".into()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(IntOrString::Int(surge)),
            max_unavailable: Some(IntOrString::Int(unavailable)),
        }),
    }
}

fn cut_off(world: &World) -> i32 {
    let on_cut_node = world.pods.iter().filter(|pod| {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
        node.and_then(|name| world.nodes.get(name)).is_some_and(|node| !is_node_ready(node))
    });
    i32::try_from(on_cut_node.count()).unwrap_or(i32::MAX - 1)
}
