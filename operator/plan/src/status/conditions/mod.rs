//! The conditions: positive, never terminal, each with a reason from the closed list.

mod progress;
mod steps;
mod summary;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{endpoints, view::View, whole_seconds};
use crate::{Reason, Refusal};

/// The summary.
pub const READY: &str = "Ready";
/// What a condition says when it is true.
const TRUE: &str = "True";

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it holds.
    pub met: bool,
    /// Why.
    pub reason: Reason,
    /// Names the object and the fix.
    pub message: String,
}

impl Verdict {
    /// It holds.
    pub fn met(message: impl Into<String>) -> Self {
        Self { met: true, reason: Reason::Ok, message: message.into() }
    }

    /// It does not hold.
    pub fn unmet(reason: Reason, message: impl Into<String>) -> Self {
        Self { met: false, reason, message: message.into() }
    }
}

/// All conditions, in the order in which an offload comes up.
pub fn conditions(
    view: &View<'_>,
    old: &[Condition],
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let steps = [
        ("Accepted", steps::accepted(view)),
        ("ReplicasAvailable", idle_or(view, steps::replicas_available)),
        ("ModelCached", idle_or(view, steps::model_cached)),
        ("RuntimeReady", idle_or(view, steps::runtime_ready)),
        ("EndpointReachable", idle_or(view, endpoint_reachable)),
    ];
    let ready = summary::ready(view, &steps);
    let all = steps.into_iter().chain([("Progressing", progress::progressing(view)), (READY, ready)]);
    all.map(|(type_, verdict)| condition(type_, verdict, old, generation, now)).collect()
}

/// Whether a condition holds.
pub fn is_true(condition: &Condition) -> bool {
    condition.status == TRUE
}

/// While nothing is wished for, no step can hold.
fn idle_or(view: &View<'_>, step: fn(&View<'_>) -> Verdict) -> Verdict {
    match view.idle {
        Some((reason, message)) => Verdict::unmet(reason, message),
        None => step(view),
    }
}

fn endpoint_reachable(view: &View<'_>) -> Verdict {
    match refusal(view, &[Reason::PortConflict]) {
        Some(refusal) if endpoints::reached(view).next().is_none() => {
            Verdict::unmet(refusal.reason, refusal.message.clone())
        }
        _ => endpoints::reachable(view),
    }
}

/// The first refusal with one of these reasons.
fn refusal<'a>(view: &'a View<'_>, reasons: &[Reason]) -> Option<&'a Refusal> {
    view.observed.refusals.iter().find(|refusal| reasons.contains(&refusal.reason))
}

/// The transition time moves only when the verdict does.
fn condition(
    type_: &str,
    verdict: Verdict,
    old: &[Condition],
    generation: Option<i64>,
    now: Timestamp,
) -> Condition {
    let status = if verdict.met { TRUE } else { "False" };
    let same = old.iter().find(|old| old.type_ == type_ && old.status == status);
    Condition {
        type_: type_.into(),
        status: status.into(),
        reason: verdict.reason.word().into(),
        message: verdict.message,
        observed_generation: generation,
        last_transition_time: same.map_or(Time(whole_seconds(now)), |old| old.last_transition_time.clone()),
    }
}
