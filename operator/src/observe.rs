//! What is to be seen after applying: children, pods, nodes, and one handshake for each endpoint.

use kube::ResourceExt as _;
use plan::{
    Inputs, Observed, Probe, Valid, World,
    resources::{Dialling, admin_addresses, node_table},
};

use crate::{apply::Applied, context::Context, fetch, probe::Target};

/// The cluster after a plan was applied.
pub async fn accepted(ctx: &Context, valid: &Valid, applied: Applied) -> Observed {
    let mut world = fetch::world(ctx, &valid.namespace, &valid.name);
    // What was just written is younger than the cache.
    world.deployment = applied.deployment.or(world.deployment);
    world.service = applied.service.or(world.service);
    let probes = probe(ctx, &valid.model.name, (&valid.class.endpoint).into(), &world).await;
    Observed { world, probes, refusals: applied.refusals }
}

/// The cluster as it stands under a spec that is not accepted: what serves is dialled as the class said that it served
/// under.
pub async fn rejected(ctx: &Context, inputs: &Inputs) -> Observed {
    let offload = &inputs.offload;
    let status = offload.status.clone().unwrap_or_default();
    let model = match status.model {
        Some(model) => model.name,
        None => offload.spec.model.name.clone().unwrap_or_else(|| offload.name_any()),
    };
    let served_under = status.class_name.as_deref();
    let class = inputs.classes.iter().find(|class| class.metadata.name.as_deref() == served_under);
    let dialling = class.map(|class| (&class.spec.endpoint).into()).unwrap_or_default();
    let probes = probe(ctx, &model, dialling, &inputs.world).await;
    Observed { world: inputs.world.clone(), probes, refusals: Vec::new() }
}

async fn probe(ctx: &Context, model: &str, dialling: Dialling, world: &World) -> Vec<Probe> {
    let nodes = node_table(dialling, world).nodes;
    let targets = nodes.into_iter().map(|node| Target {
        admin: admin_addresses(&node.name, &world.pods),
        node: node.name,
        url: node.url,
    });
    ctx.prober.probe(&ctx.metrics, model, targets).await
}
