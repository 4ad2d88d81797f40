//! The steps of an offload on its way up, each judged by what was seen.

use super::{Verdict, refusal};
use crate::{
    Reason, Violation,
    status::{
        text,
        trouble::{Step, Trouble},
        view::View,
    },
};

/// Refusals that another condition tells.
const TOLD_ELSEWHERE: [Reason; 2] = [Reason::PortConflict, Reason::ModelSourceUnsupported];

/// Spec and class agree, and the API server took the children.
pub fn accepted(view: &View<'_>) -> Verdict {
    if let Some(first) = view.violations.first() {
        return Verdict::unmet(first.reason, joined(view.violations));
    }
    match view.observed.refusals.iter().find(|refusal| !TOLD_ELSEWHERE.contains(&refusal.reason)) {
        Some(refusal) => Verdict::unmet(refusal.reason, refusal.message.clone()),
        None => Verdict::met(format!(
            "the spec agrees with OffloadClass {}",
            view.class_name.as_deref().unwrap_or_default()
        )),
    }
}

/// Every message, for a rejected spec.
pub fn joined(violations: &[Violation]) -> String {
    violations.iter().map(|violation| violation.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// As many pods serve as are wished for.
pub fn replicas_available(view: &View<'_>) -> Verdict {
    let ready = view.fleet.ready();
    let wished = usize::try_from(view.wished).unwrap_or(usize::MAX);
    if let (0, Some(first)) = (wished, view.violations.first()) {
        return Verdict::unmet(first.reason, "nothing runs, since the spec is not accepted");
    }
    if ready >= wished {
        return Verdict::met(format!("{ready} of {wished} replicas run"));
    }
    let mut message = format!("{ready} of {wished} replicas run");
    if let Some(failure) = pods_not_made(view) {
        return Verdict::unmet(failure.reason, format!("{message}; {}", failure.message));
    }
    let troubles = view.fleet.troubles();
    let Some(first) =
        troubles.iter().find(|one| one.reason == Reason::InsufficientAccelerators).or(troubles.first())
    else {
        return Verdict::unmet(Reason::Pending, format!("{message}; the others are on their way"));
    };
    if first.reason == Reason::InsufficientAccelerators {
        let reasons =
            view.fleet.current().filter_map(|pod| pod.trouble.as_ref()).map(|trouble| trouble.reason);
        let waiting = reasons.filter(|reason| *reason == Reason::InsufficientAccelerators).count();
        message = format!("{message}; {waiting} wait for accelerators");
    }
    Verdict::unmet(first.reason, format!("{message}: {}", first.message))
}

/// The model file is there, verified, on every pod that has a node.
pub fn model_cached(view: &View<'_>) -> Verdict {
    if let Some(refusal) = refusal(view, &[Reason::ModelSourceUnsupported]) {
        return Verdict::unmet(refusal.reason, refusal.message.clone());
    }
    if let Some(trouble) = first(view, |trouble| trouble.step == Step::Model || is_model_image(trouble)) {
        return Verdict::unmet(trouble.reason, trouble.message.clone());
    }
    let placed = view.fleet.current().filter(|pod| pod.node.is_some());
    let (with, without): (Vec<_>, Vec<_>) = placed.partition(|pod| pod.has_model);
    match (with.len(), without.len()) {
        (0, _) => Verdict::unmet(Reason::Pending, "no pod has the model file yet"),
        (_, 0) => Verdict::met("every pod has the model file"),
        (some, missing) => {
            let message = format!("{some} of {} pods have the model file", some + missing);
            Verdict::unmet(Reason::Pending, message)
        }
    }
}

/// The model server answers for the model, and none of them fails.
pub fn runtime_ready(view: &View<'_>) -> Verdict {
    let is_of_server = |trouble: &Trouble| match trouble.step {
        Step::Runtime => true,
        Step::Image => !is_model_image(trouble),
        Step::Placement | Step::Model => false,
    };
    if let Some(trouble) = first(view, is_of_server) {
        return Verdict::unmet(trouble.reason, trouble.message.clone());
    }
    match view.fleet.current().filter(|pod| pod.ready).count() {
        0 => Verdict::unmet(Reason::Pending, "no model server answers for the model of this spec yet"),
        _ => Verdict::met("the model server answers for the model"),
    }
}

/// What the Deployment says when the API server takes no pods: a quota, a policy.
pub fn pods_not_made(view: &View<'_>) -> Option<Trouble> {
    let status = view.observed.world.deployment.as_ref()?.status.as_ref()?;
    let mut conditions = status.conditions.iter().flatten();
    let failure = conditions.find(|one| one.type_ == "ReplicaFailure" && one.status == "True")?;
    let words = text::quote(failure.message.as_deref().unwrap_or_default());
    let reason =
        if words.contains("RuntimeClass") { Reason::RuntimeClassNotFound } else { Reason::Unavailable };
    Some(Trouble::new(Step::Placement, reason, format!("the API server takes no more pods: {words}")))
}

fn first<'a>(view: &'a View<'_>, holds: fn(&Trouble) -> bool) -> Option<&'a Trouble> {
    view.fleet.troubles().into_iter().find(|trouble| holds(trouble))
}

fn is_model_image(trouble: &Trouble) -> bool {
    trouble.step == Step::Image && trouble.message.contains("spec.model.source")
}
