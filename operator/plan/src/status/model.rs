//! The model as it is served.

use std::collections::BTreeSet;

use crds::{
    InferenceOffload,
    offload::{ModelState, ModelStatus},
};

use super::{
    trouble::{Step, Trouble},
    view::View,
};
use crate::{Inputs, Reason};

/// Name, digests and how far the model of the spec is.
pub fn model(inputs: &Inputs, view: &View<'_>) -> ModelStatus {
    ModelStatus {
        name: view.model_name.clone(),
        active_digest: active_digest(view),
        target_digest: inputs.offload.spec.model.digest.clone(),
        state: state(view),
    }
}

/// Name in protocol URLs.
pub fn name(offload: &InferenceOffload) -> String {
    offload.spec.model.name.clone().or_else(|| offload.metadata.name.clone()).unwrap_or_default()
}

/// The one digest that every serving pod has.
fn active_digest(view: &View<'_>) -> Option<String> {
    let serving = view.fleet.pods.iter().filter(|pod| pod.ready);
    let digests: BTreeSet<Option<&String>> = serving.map(|pod| pod.digest.as_ref()).collect();
    if digests.len() == 1 { digests.into_iter().next().flatten().cloned() } else { None }
}

fn state(view: &View<'_>) -> ModelState {
    let serving = view.fleet.pods.iter().filter(|pod| pod.ready);
    let (new, old): (Vec<_>, Vec<_>) = serving.partition(|pod| pod.current);
    let failed = view.fleet.troubles().into_iter().any(is_failure);
    match (new.is_empty(), old.is_empty()) {
        (false, true) => ModelState::Loaded,
        (false, false) => ModelState::Rolling,
        (true, _) if failed => ModelState::Failed,
        (true, _) => ModelState::Pending,
    }
}

/// A container that was ended from outside says nothing about the model.
fn is_failure(trouble: &Trouble) -> bool {
    let passes = matches!(trouble.reason, Reason::Unavailable | Reason::Pending);
    matches!(trouble.step, Step::Model | Step::Runtime) && !passes
}
