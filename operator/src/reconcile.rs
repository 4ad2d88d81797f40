//! One look at one offload.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crds::InferenceOffload;
use jiff::Timestamp;
use kube::{
    ResourceExt as _,
    runtime::{controller::Action, reflector::ObjectRef},
};
use plan::{Inputs, Observed, ProbeResult};

use crate::{
    apply,
    context::Context,
    error::{self, Error},
    fetch,
    metrics::Outcome,
    observe, publish,
    retry::jittered,
};

/// Longest look at an offload, from the fetch to the status.
const WHOLE_MAX: Duration = Duration::from_secs(60);

/// Fetch, validate, plan, apply, observe, status, publish.
///
/// # Errors
/// The API server fails; what a user can change is in the status instead.
pub async fn reconcile(offload: Arc<InferenceOffload>, ctx: Arc<Context>) -> Result<Action, Error> {
    let began = Instant::now();
    let result = match tokio::time::timeout(WHOLE_MAX, look(&offload, &ctx)).await {
        Ok(result) => result,
        Err(_) => Err(Error::TimedOut(WHOLE_MAX)),
    };
    let outcome = result.as_ref().map_or_else(Error::result, |_| Outcome::Ok);
    ctx.metrics.reconciled(outcome, began.elapsed().as_secs_f64());
    result
}

async fn look(offload: &InferenceOffload, ctx: &Context) -> Result<Action, Error> {
    if offload.metadata.deletion_timestamp.is_some() {
        // Owner references take the children along.
        return Ok(Action::await_change());
    }
    let inputs = fetch::inputs(ctx, offload).await?;
    let (status, observed) = match plan::validate(&inputs) {
        Err(violations) => {
            let observed = observe::rejected(ctx, &inputs).await;
            (plan::status::rejected(&inputs, &violations, &observed, Timestamp::now()), observed)
        }
        Ok(valid) => {
            let planned = plan::resources(&valid, &inputs.world, &inputs.settings);
            let applied = apply::apply(ctx, &valid, planned).await?;
            let observed = observe::accepted(ctx, &valid, applied).await;
            (plan::status::accepted(&inputs, &valid, &observed, Timestamp::now()), observed)
        }
    };
    publish::status(ctx, offload, &status).await?;
    Ok(next(ctx, offload, &inputs, &observed))
}

/// What no watch would report is looked at again soon: an endpoint that did not answer, a name or a port that is taken, a
/// pod whose volumes do not come.
fn next(ctx: &Context, offload: &InferenceOffload, inputs: &Inputs, observed: &Observed) -> Action {
    let key = ObjectRef::from_obj(offload);
    let unanswered = observed.probes.iter().any(|probe| probe.result != ProbeResult::Reached);
    if unanswered || !observed.refusals.is_empty() {
        return Action::requeue(ctx.retries.failed(&key));
    }
    ctx.retries.forget(&key);
    let patience = plan::status::patience(&inputs.world.pods, Timestamp::now());
    Action::requeue(patience.unwrap_or(ctx.resync).min(jittered(ctx.resync)))
}

/// When to try again after an error.
#[must_use]
pub fn retry(offload: &InferenceOffload, error: &Error, ctx: &Context) -> Action {
    let wait = ctx.retries.failed(&ObjectRef::from_obj(offload));
    tracing::warn!(
        namespace = offload.namespace(),
        offload = offload.name_any(),
        error = error::chain(error),
        retry_milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        "reconcile failed"
    );
    Action::requeue(wait)
}
