//! Events on transitions of an offload's conditions, never per pass.

use crds::{InferenceOffload, offload::InferenceOffloadStatus};
use kube::{
    Resource as _, ResourceExt as _,
    runtime::events::{Event, EventType, Reporter},
};
use plan::status::changes;

use crate::{
    context::Context,
    error,
    metrics::{Kind, Verb},
};

/// Longest note that the API server takes, in bytes.
const NOTE_BYTES_MAX: usize = 1024;

/// Who reports.
#[must_use]
pub fn reporter() -> Reporter {
    Reporter::from("longshore-operator")
}

/// Publishes what changed between two statuses. An event that cannot be published is logged: it changes nothing.
pub async fn transitions(
    ctx: &Context,
    offload: &InferenceOffload,
    old: &InferenceOffloadStatus,
    new: &InferenceOffloadStatus,
) {
    for change in changes(old, new) {
        let event = Event {
            type_: if change.warning { EventType::Warning } else { EventType::Normal },
            reason: change.reason,
            note: Some(shortened(change.message)),
            action: change.condition,
            secondary: None,
        };
        match ctx.recorder.publish(&event, &offload.object_ref(&())).await {
            Ok(()) => ctx.metrics.wrote(Kind::Event, Verb::Create),
            Err(error) => tracing::warn!(
                offload = offload.name_any(),
                error = error::chain(&error),
                "cannot publish an event"
            ),
        }
    }
}

fn shortened(mut note: String) -> String {
    let end = (0..=NOTE_BYTES_MAX.min(note.len())).rev().find(|at| note.is_char_boundary(*at)).unwrap_or(0);
    note.truncate(end);
    note
}
