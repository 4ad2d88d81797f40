//! The summary: true exactly when the spec of this generation is accepted and serves on at least one endpoint.

use super::Verdict;
use crate::{
    Reason,
    status::{endpoints, text, view::View},
};

/// From the steps to one word.
pub fn ready(view: &View<'_>, steps: &[(&str, Verdict)]) -> Verdict {
    // The steps that tell the spec and its refusals come before what still runs.
    if let Some((_, verdict)) = steps.first().filter(|(_, accepted)| !accepted.met) {
        return verdict.clone();
    }
    if let Some(refusal) = view.observed.refusals.first() {
        return Verdict::unmet(refusal.reason, refusal.message.clone());
    }
    if let Some((reason, message)) = view.idle {
        return Verdict::unmet(reason, message);
    }
    let serving = serving_nodes(view);
    if !serving.is_empty() {
        return Verdict::met(format!("the model answers on {}", text::listed(serving)));
    }
    let unmet: Vec<&Verdict> =
        steps.iter().map(|(_, verdict)| verdict).filter(|verdict| !verdict.met).collect();
    let says_why = |verdict: &&&Verdict| !matches!(verdict.reason, Reason::Pending | Reason::Unavailable);
    match unmet
        .iter()
        .find(says_why)
        .or(unmet.iter().find(|one| one.reason != Reason::Pending))
        .or(unmet.first())
    {
        Some(verdict) => (*verdict).clone(),
        None => {
            Verdict::unmet(Reason::Pending, "pods of this spec serve; their addresses were not dialled yet")
        }
    }
}

/// Nodes that answered at their address and run a serving pod of this generation.
fn serving_nodes<'a>(view: &'a View<'_>) -> Vec<&'a str> {
    let runs = |node: &str| view.fleet.current().any(|pod| pod.ready && pod.node.as_deref() == Some(node));
    endpoints::reached(view).map(|probe| probe.node.as_str()).filter(|node| runs(node)).collect()
}
