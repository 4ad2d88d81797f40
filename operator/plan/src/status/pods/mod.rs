//! From one pod to what keeps it from serving. The first question with an answer wins; they stand in the order in which
//! a pod starts.

mod images;
mod model_file;
mod mounts;
mod placement;
mod runtime;

pub use mounts::patience;

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use super::{text, trouble::Trouble, view::Wish};
use crate::{
    Reason, World,
    resources::{FETCH_NAME, RUNTIME_NAME, VERIFY_NAME},
};

type Question = fn(&Pod, &World, &Wish<'_>) -> Option<Trouble>;

const QUESTIONS: &[Question] = &[
    placement::node_is_cut_off,
    placement::no_node,
    mounts::objects_missing,
    images::image_missing,
    images::container_not_made,
    model_file::model_file,
    runtime::ended,
    runtime::silent_runtime,
];

/// What keeps a pod that is not ready.
pub fn trouble(pod: &Pod, world: &World, wish: &Wish<'_>) -> Option<Trouble> {
    QUESTIONS.iter().find_map(|question| question(pod, world, wish))
}

/// Whether the model file is there: its init container ended well, or the model server started on it.
pub fn has_model(pod: &Pod) -> bool {
    let brought = statuses(pod).filter(|status| is_model_container(&status.name)).any(|status| {
        let ended = status.state.as_ref().and_then(|state| state.terminated.as_ref());
        ended.is_some_and(|ended| ended.exit_code == 0)
    });
    let runs = statuses(pod).filter(|status| status.name == RUNTIME_NAME).any(|status| {
        status.restart_count > 0 || status.state.as_ref().is_some_and(|state| state.running.is_some())
    });
    brought || runs
}

/// The container's failure: it stands ended, or it was started again after one.
fn failure(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let ended = status.state.as_ref().and_then(|state| state.terminated.as_ref());
    let before = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    ended.or(before).filter(|ended| ended.exit_code != 0 || ran_out_of_memory(ended))
}

fn ran_out_of_memory(ended: &ContainerStateTerminated) -> bool {
    ended.reason.as_deref() == Some("OOMKilled")
}

/// A line of the termination message that begins with a reason, as Longshore's own programs write it.
fn told(ended: &ContainerStateTerminated) -> Option<(Reason, String)> {
    const TOLD: [Reason; 5] = [
        Reason::ModelDownloadFailed,
        Reason::DigestMismatch,
        Reason::ModelLoadFailed,
        Reason::ModelSourceUnsupported,
        Reason::OutOfMemory,
    ];
    let lines = ended.message.iter().flat_map(|message| message.lines().rev());
    lines.filter_map(|line| line.split_once(": ")).find_map(|(word, rest)| {
        let reason = TOLD.into_iter().find(|reason| reason.word() == word.trim())?;
        Some((reason, text::quote(rest)))
    })
}

/// The last line that calls itself an error, else the last line: what follows an error is often advice.
fn last_line(ended: &ContainerStateTerminated) -> String {
    let lines = || ended.message.iter().flat_map(|message| message.lines().rev()).map(str::trim);
    let error = lines().find(|line| line.to_lowercase().starts_with("error"));
    let line = error.or_else(|| lines().find(|line| !line.is_empty()));
    line.map_or_else(|| "it said nothing".into(), text::quote)
}

fn is_model_container(name: &str) -> bool {
    matches!(name, FETCH_NAME | VERIFY_NAME)
}

/// Init containers first: in the order in which they start.
fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status.and_then(|status| status.init_container_statuses.as_ref());
    let main = status.and_then(|status| status.container_statuses.as_ref());
    init.into_iter().flatten().chain(main.into_iter().flatten())
}
