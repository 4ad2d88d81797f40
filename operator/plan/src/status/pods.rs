//! From one pod to what keeps it from serving. The first question with an answer wins; they stand in the order in which
//! a pod starts.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use super::{
    text,
    trouble::{Step, Trouble},
    view::Wish,
};
use crate::{
    Reason, World,
    resources::{FETCH_NAME, RUNTIME_NAME, SIDECAR_NAME, VERIFY_NAME, is_node_ready},
};

type Question = fn(&Pod, &World, &Wish<'_>) -> Option<Trouble>;

const QUESTIONS: &[Question] =
    &[node_is_cut_off, no_node, image_missing, container_not_made, model_file, ended, silent_runtime];

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

fn node_is_cut_off(pod: &Pod, world: &World, _: &Wish<'_>) -> Option<Trouble> {
    let name = pod.spec.as_ref()?.node_name.as_ref()?;
    let node = world.nodes.get(name)?;
    if is_node_ready(node) {
        return None;
    }
    let message = format!(
        "node {name} does not report (its Ready condition is not True); its pods may go on serving devices near it; \
         bring the node back, or delete its Node object to have them replaced"
    );
    Some(Trouble::new(Step::Placement, Reason::NodeNotReady, message))
}

fn no_node(pod: &Pod, _: &World, wish: &Wish<'_>) -> Option<Trouble> {
    let mut conditions = pod.status.as_ref()?.conditions.iter().flatten();
    let unscheduled = conditions.find(|one| one.type_ == "PodScheduled" && one.status == "False")?;
    let words = unscheduled.message.as_deref().unwrap_or_default();
    let accelerator = wish.class.and_then(|class| class.accelerator.as_ref());
    let missing = accelerator.filter(|one| words.contains(&format!("Insufficient {}", one.resource.name)));
    Some(match missing {
        Some(accelerator) => Trouble::new(
            Step::Placement,
            Reason::InsufficientAccelerators,
            format!(
                "no node has {} free ({}); lower spec.replicas or spec.accelerators, or add nodes",
                accelerator.resource.name,
                text::quote(words)
            ),
        ),
        None => Trouble::new(
            Step::Placement,
            Reason::Unavailable,
            format!(
                "no node takes the pod ({}); look at spec.placement and spec.runtime.resources of the class",
                text::quote(words)
            ),
        ),
    })
}

fn image_missing(pod: &Pod, _: &World, wish: &Wish<'_>) -> Option<Trouble> {
    let waiting = statuses(pod).filter_map(|status| Some((status, status.state.as_ref()?.waiting.as_ref()?)));
    let mut failed = waiting.filter(|(_, waiting)| {
        matches!(
            waiting.reason.as_deref(),
            Some(
                "ErrImagePull"
                    | "ImagePullBackOff"
                    | "InvalidImageName"
                    | "ErrImageNeverPull"
                    | "ImageInspectError"
            )
        )
    });
    let (status, waiting) = failed.next()?;
    let words = waiting.message.as_deref().unwrap_or_default();
    let model = wish.offload.spec.model.source.image.as_ref();
    let field = match (model, status.name.as_str()) {
        (Some(image), _) if words.contains(&image.reference) => "spec.model.source.image.reference",
        (_, RUNTIME_NAME) => "spec.runtime.image of the class",
        _ => "the operator's sidecar image",
    };
    // The kubelet says the same in two ways, in turn.
    let cause = words.rsplit_once("ErrImagePull: ").map_or(words, |(_, cause)| cause);
    let cause = if cause.starts_with("Back-off pulling image") { "" } else { cause };
    let message = format!(
        "the image of container {} cannot be pulled ({}); correct {field}, or the pull secrets in \
         spec.runtime.imagePullSecrets of the class",
        status.name,
        text::quote(if cause.is_empty() { &status.image } else { cause })
    );
    Some(Trouble::new(Step::Image, Reason::ImagePullFailed, message))
}

fn container_not_made(pod: &Pod, _: &World, wish: &Wish<'_>) -> Option<Trouble> {
    let waiting = statuses(pod).filter_map(|status| Some((status, status.state.as_ref()?.waiting.as_ref()?)));
    let mut failed = waiting.filter(|(_, waiting)| {
        matches!(
            waiting.reason.as_deref(),
            Some("CreateContainerError" | "CreateContainerConfigError" | "RunContainerError")
        )
    });
    let (status, waiting) = failed.next()?;
    let words = text::quote(waiting.message.as_deref().unwrap_or_default());
    let folder = wish.offload.spec.model.source.image.as_ref().map(|image| image.path.as_str());
    Some(match folder {
        Some(folder) if is_about_folder(&words, folder) => Trouble::new(
            Step::Model,
            Reason::ModelDownloadFailed,
            format!(
                "spec.model.source.image.path: the image has no folder {folder} ({words}); correct the path"
            ),
        ),
        _ => Trouble::new(
            Step::Runtime,
            Reason::Unavailable,
            format!("container {} cannot be made ({words}); look at spec.runtime of the class", status.name),
        ),
    })
}

fn is_about_folder(words: &str, folder: &str) -> bool {
    words.to_lowercase().contains("subpath") || words.contains(&format!("/{folder}"))
}

fn model_file(pod: &Pod, _: &World, _: &Wish<'_>) -> Option<Trouble> {
    let mut containers = statuses(pod).filter(|status| is_model_container(&status.name));
    let (status, ended) = containers.find_map(|status| Some((status, failure(status)?)))?;
    let (reason, words) = told(ended).unwrap_or((Reason::ModelDownloadFailed, last_line(ended)));
    if ended.reason.as_deref() == Some("OOMKilled") {
        let message = format!("container {} ran out of memory while it handled the model file", status.name);
        return Some(Trouble::new(Step::Model, Reason::OutOfMemory, message));
    }
    let fix = match reason {
        Reason::DigestMismatch => "correct spec.model.digest, or the file in spec.model.source",
        _ => "look at spec.model.source",
    };
    Some(Trouble::new(Step::Model, reason, format!("{words}; {fix}")))
}

fn ended(pod: &Pod, _: &World, wish: &Wish<'_>) -> Option<Trouble> {
    let mut containers = statuses(pod).filter(|status| !is_model_container(&status.name));
    let (status, ended) = containers.find_map(|status| Some((status, failure(status)?)))?;
    let name = &status.name;
    let trouble = |reason, message: String| Some(Trouble::new(Step::Runtime, reason, message));
    if ended.reason.as_deref() == Some("OOMKilled") {
        let limit = wish.class.and_then(|class| class.runtime.resources.limits.get("memory"));
        let limit = limit.map_or_else(|| "the node's".into(), |limit| limit.0.clone());
        let message = format!(
            "container {name} ran out of memory (limit {limit}); raise spec.runtime.resources.limits.memory of the \
             class, or use a smaller model"
        );
        return trouble(Reason::OutOfMemory, message);
    }
    if let Some((reason, words)) = told(ended) {
        return trouble(reason, format!("{words}; look at spec.model and at spec.runtime of the class"));
    }
    let words = last_line(ended);
    if name == SIDECAR_NAME || ended.exit_code > SIGNALLED {
        let message =
            format!("container {name} ended with {} and is started again ({words})", ended.exit_code);
        return trouble(Reason::Unavailable, message);
    }
    let message = format!(
        "the model server ended with {} ({words}); look at spec.model.format and spec.model.source, and at \
         spec.runtime.args of the class",
        ended.exit_code
    );
    trouble(Reason::ModelLoadFailed, message)
}

/// Exit codes above it name the signal that ended a process.
const SIGNALLED: i32 = 128;

fn silent_runtime(pod: &Pod, _: &World, wish: &Wish<'_>) -> Option<Trouble> {
    let runtime = &wish.class?.runtime;
    let mut servers = statuses(pod).filter(|status| status.name == RUNTIME_NAME);
    let running = servers.find_map(|status| status.state.as_ref()?.running.as_ref())?;
    let since = running.started_at.as_ref()?.0;
    let seconds = wish.now.as_second() - since.as_second();
    if seconds <= i64::from(runtime.startup_timeout_seconds) {
        return None;
    }
    let message = format!(
        "the model server runs for longer than spec.runtime.startupTimeoutSeconds ({}) of the class and model {} does \
         not answer the Open Inference Protocol on port {}; look at spec.runtime.args and spec.runtime.upstream of the \
         class, or raise the time",
        runtime.startup_timeout_seconds,
        super::model::name(wish.offload),
        runtime.upstream.http
    );
    Some(Trouble::new(Step::Runtime, Reason::ProtocolMismatch, message))
}

/// The container's failure: it stands ended, or it was started again after one.
fn failure(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let ended = status.state.as_ref().and_then(|state| state.terminated.as_ref());
    let before = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    ended.or(before).filter(|ended| ended.exit_code != 0 || ended.reason.as_deref() == Some("OOMKilled"))
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

fn last_line(ended: &ContainerStateTerminated) -> String {
    let mut lines = ended.message.iter().flat_map(|message| message.lines().rev());
    let line = lines.find(|line| !line.trim().is_empty());
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
