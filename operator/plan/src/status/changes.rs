//! Events: one for each transition, none while nothing changes.

use std::collections::BTreeSet;

use crds::offload::InferenceOffloadStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::conditions::{READY, is_true};
use crate::Reason;

/// What people who watch events are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The condition that moved.
    pub condition: String,
    /// Whether it is bad news.
    pub warning: bool,
    /// The condition's reason; for good news its type.
    pub reason: String,
    /// Names the object and the fix.
    pub message: String,
}

/// Transitions between two statuses. Good news is told once, by the summary; bad news once for each reason.
#[must_use]
pub fn changes(old: &InferenceOffloadStatus, new: &InferenceOffloadStatus) -> Vec<Transition> {
    let mut told = BTreeSet::new();
    let mut news = Vec::new();
    for condition in &new.conditions {
        let before = find(old, &condition.type_);
        let is_new = has_moved(before, condition) && is_news(before, condition);
        if is_new && (is_true(condition) || told.insert(&condition.reason)) {
            news.push(transition(condition));
        }
    }
    news
}

fn find<'a>(status: &'a InferenceOffloadStatus, type_: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.type_ == type_)
}

fn has_moved(old: Option<&Condition>, new: &Condition) -> bool {
    old.is_none_or(|old| old.status != new.status || old.reason != new.reason)
}

/// Steps on the way up are no news; losing the summary always is.
fn is_news(old: Option<&Condition>, new: &Condition) -> bool {
    if is_true(new) {
        return new.type_ == READY && !old.is_some_and(is_true);
    }
    let waits = new.reason == Reason::Pending.word();
    !waits || (new.type_ == READY && old.is_some_and(is_true))
}

fn transition(condition: &Condition) -> Transition {
    let quiet = [Reason::Suspended, Reason::Pending].map(Reason::word);
    let good = is_true(condition);
    Transition {
        condition: condition.type_.clone(),
        warning: !good && !quiet.contains(&condition.reason.as_str()),
        reason: if good { condition.type_.clone() } else { condition.reason.clone() },
        message: condition.message.clone(),
    }
}
