//! Whether the fleet moves towards the spec, or is there.

use super::{Verdict, steps};
use crate::{
    Reason,
    status::{text, view::View},
};

/// False only when something that does not pass by itself is in the way.
pub fn progressing(view: &View<'_>) -> Verdict {
    if let Some(first) = view.violations.first() {
        return Verdict::unmet(first.reason, steps::joined(view.violations));
    }
    if let Some(refusal) = view.observed.refusals.first() {
        return Verdict::unmet(refusal.reason, refusal.message.clone());
    }
    let wished = usize::try_from(view.wished).unwrap_or(usize::MAX);
    let current = view.fleet.current().filter(|pod| pod.ready).count();
    let pods = view.fleet.pods.len();
    if current >= wished && pods == current {
        return Verdict::met(format!("every replica serves the spec of this generation ({current})"));
    }
    let troubles = view.fleet.troubles();
    match (deadline_passed(view), troubles.first()) {
        (Some(words), None) => Verdict::unmet(Reason::Unavailable, words),
        (Some(_), Some(trouble)) => Verdict::unmet(trouble.reason, trouble.message.clone()),
        (None, _) => Verdict {
            met: true,
            reason: Reason::Pending,
            message: format!("{current} of {wished} replicas serve the spec of this generation"),
        },
    }
}

/// The Deployment's own word: nothing moved for the start-up time of the class.
fn deadline_passed(view: &View<'_>) -> Option<String> {
    let status = view.observed.world.deployment.as_ref()?.status.as_ref()?;
    let mut conditions = status.conditions.iter().flatten();
    let stuck = conditions.find(|one| one.type_ == "Progressing" && one.status == "False")?;
    Some(text::quote(stuck.message.as_deref().unwrap_or("the Deployment makes no progress")))
}
