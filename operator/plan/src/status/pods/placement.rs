//! A node for the pod, and the node itself.

use k8s_openapi::api::core::v1::Pod;

use crate::{
    Reason, World,
    resources::is_node_ready,
    status::{
        text,
        trouble::{Step, Trouble},
        view::Wish,
    },
};

/// Its node does not report.
pub fn node_is_cut_off(pod: &Pod, world: &World, _: &Wish<'_>) -> Option<Trouble> {
    let name = pod.spec.as_ref()?.node_name.as_ref()?;
    let node = world.nodes.get(name)?;
    if is_node_ready(node) {
        return None;
    }
    let message = format!(
        "node {name} does not report (its Ready condition is not True); its pods may go on serving devices near it; \
         bring the node back, or delete its Node object to have them replaced"
    );
    Some(Trouble::new(Step::Placement, Reason::NodeNotReady, message))
}

/// The scheduler finds no node.
pub fn no_node(pod: &Pod, world: &World, wish: &Wish<'_>) -> Option<Trouble> {
    let mut conditions = pod.status.as_ref()?.conditions.iter().flatten();
    let unscheduled = conditions.find(|one| one.type_ == "PodScheduled" && one.status == "False")?;
    let words = unscheduled.message.as_deref().unwrap_or_default();
    let accelerator = wish.class.and_then(|class| class.accelerator.as_ref());
    let missing = accelerator.filter(|one| words.contains(&format!("Insufficient {}", one.resource.name)));
    let (reason, message) = match (missing, leaving(world)) {
        (Some(_), Some(name)) => {
            (Reason::Pending, format!("waits for the accelerators of pod {name}, which leaves"))
        }
        (Some(accelerator), None) => (
            Reason::InsufficientAccelerators,
            format!(
                "no node has {} free ({}); lower spec.replicas or spec.accelerators, or add nodes",
                accelerator.resource.name,
                text::quote(words)
            ),
        ),
        (None, _) => (
            Reason::Unavailable,
            format!(
                "no node takes the pod ({}); look at spec.placement and spec.runtime.resources of the class",
                text::quote(words)
            ),
        ),
    };
    Some(Trouble::new(Step::Placement, reason, message))
}

/// In a rollout a replica goes before its successor gets its accelerators. One on a node that is cut off holds them for
/// as long as the node is away.
fn leaving(world: &World) -> Option<&str> {
    let mut leaving = world.pods.iter().filter(|pod| {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
        pod.metadata.deletion_timestamp.is_some()
            && node.and_then(|name| world.nodes.get(name)).is_some_and(is_node_ready)
    });
    leaving.next()?.metadata.name.as_deref()
}
