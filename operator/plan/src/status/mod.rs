//! Status from what was observed, never from what was planned.
//!
//! Enters: the inputs, the verdict on the spec, what was seen after applying, and the time. Leaves: the whole status.
//! Equal inputs give an equal status; a transition time moves only when its verdict does.

mod capacity;
mod changes;
mod conditions;
mod endpoints;
mod fleet;
mod model;
mod pods;
mod text;
mod trouble;
mod view;

use crds::offload::InferenceOffloadStatus;
use jiff::Timestamp;

pub use changes::{Transition, changes};
pub use pods::patience;

use crate::{Inputs, Observed, Valid, Violation, names};
use view::View;

/// Status of an accepted offload.
#[must_use]
pub fn accepted(
    inputs: &Inputs,
    valid: &Valid,
    observed: &Observed,
    now: Timestamp,
) -> InferenceOffloadStatus {
    status(inputs, &View::accepted(inputs, valid, observed, now), now)
}

/// Status of an offload whose spec is not accepted: the running fleet is left alone and still reported.
#[must_use]
pub fn rejected(
    inputs: &Inputs,
    violations: &[Violation],
    observed: &Observed,
    now: Timestamp,
) -> InferenceOffloadStatus {
    status(inputs, &View::rejected(inputs, violations, observed, now), now)
}

/// As much of a moment as the API server keeps.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn status(inputs: &Inputs, view: &View<'_>, now: Timestamp) -> InferenceOffloadStatus {
    let metadata = &inputs.offload.metadata;
    let old = inputs.offload.status.as_ref();
    let name = metadata.name.as_deref().unwrap_or_default();
    let selector = names::selector(name);
    let ready = view.fleet.ready();
    InferenceOffloadStatus {
        observed_generation: metadata.generation,
        replicas: text::count(view.fleet.pods.len()),
        ready_replicas: text::count(ready),
        ready_summary: format!("{ready}/{}", view.wished),
        selector: selector.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(","),
        class_name: view.class_name.clone(),
        conditions: conditions::conditions(
            view,
            old.map(|status| status.conditions.as_slice()).unwrap_or_default(),
            metadata.generation,
            now,
        ),
        model: Some(model::model(inputs, view)),
        endpoints: endpoints::endpoints(view),
        capacity: capacity::capacity(
            view,
            old.map(|status| status.capacity.as_slice()).unwrap_or_default(),
            now,
        ),
        node_port: endpoints::node_port(view).or(old.and_then(|status| status.node_port)),
    }
}
