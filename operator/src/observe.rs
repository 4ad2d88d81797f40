//! What is to be seen after applying: children, pods, nodes, and one handshake for each endpoint.

use kube::ResourceExt as _;
use plan::{Inputs, Observed, Valid, resources::node_table};

use crate::{apply::Applied, context::Context, fetch, probe::Target};

/// The cluster after a plan was applied.
pub async fn accepted(ctx: &Context, valid: &Valid, applied: Applied) -> Observed {
    let mut world = fetch::world(ctx, &valid.namespace, &valid.name);
    // What was just written is younger than the cache.
    world.deployment = applied.deployment.or(world.deployment);
    world.service = applied.service.or(world.service);
    let targets =
        node_table(valid, &world).nodes.into_iter().map(|node| Target { node: node.name, url: node.url });
    let probes = ctx.prober.probe(&ctx.metrics, &valid.model.name, targets).await;
    Observed { world, probes, refusals: applied.refusals }
}

/// The cluster as it stands under a spec that is not accepted: what served before is dialled where it was.
pub async fn rejected(ctx: &Context, inputs: &Inputs) -> Observed {
    let offload = &inputs.offload;
    let status = offload.status.clone().unwrap_or_default();
    let model = match status.model {
        Some(model) => model.name,
        None => offload.spec.model.name.clone().unwrap_or_else(|| offload.name_any()),
    };
    let targets =
        status.endpoints.into_iter().map(|endpoint| Target { node: endpoint.node, url: endpoint.url });
    let probes = ctx.prober.probe(&ctx.metrics, &model, targets).await;
    Observed { world: inputs.world.clone(), probes, refusals: Vec::new() }
}
