//! The model server and the sidecar.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use super::{failure, is_model_container, last_line, ran_out_of_memory, statuses, told};
use crate::{
    Reason, World,
    resources::{RUNTIME_NAME, SIDECAR_NAME},
    status::{
        model,
        trouble::{Step, Trouble},
        view::Wish,
    },
};

/// Exit codes above it name the signal that ended a process.
const SIGNALLED: i32 = 128;

/// It ended, or was started again after it ended.
pub fn ended(pod: &Pod, _: &World, wish: &Wish<'_>) -> Option<Trouble> {
    let failed = || statuses(pod).filter(|status| !is_model_container(&status.name)).filter_map(with_failure);
    // One that is down now says more than one that came back.
    let (status, ended) = failed().find(|(status, _)| !is_running(status)).or(failed().next())?;
    let name = &status.name;
    let trouble = |reason, message: String| Some(Trouble::new(Step::Runtime, reason, message));
    if ran_out_of_memory(ended) {
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

fn with_failure(status: &ContainerStatus) -> Option<(&ContainerStatus, &ContainerStateTerminated)> {
    Some((status, failure(status)?))
}

fn is_running(status: &ContainerStatus) -> bool {
    status.state.as_ref().is_some_and(|state| state.running.is_some())
}

/// It runs and does not answer.
pub fn silent_runtime(pod: &Pod, _: &World, wish: &Wish<'_>) -> Option<Trouble> {
    let runtime = &wish.class?.runtime;
    let mut servers = statuses(pod).filter(|status| status.name == RUNTIME_NAME);
    let running = servers.find_map(|status| status.state.as_ref()?.running.as_ref())?;
    let since = running.started_at.as_ref()?.0;
    let seconds = wish.now.as_second() - since.as_second();
    if seconds <= i64::from(runtime.startup_timeout_seconds) {
        return None;
    }
    let ports = [runtime.upstream.http, runtime.upstream.grpc].into_iter().flatten();
    let ports: Vec<String> = ports.map(|port| port.to_string()).collect();
    let message = format!(
        "the model server runs for longer than spec.runtime.startupTimeoutSeconds ({}) of the class and model {} does \
         not answer the Open Inference Protocol on port {}; look at spec.runtime.args and spec.runtime.upstream of the \
         class, or raise the time",
        runtime.startup_timeout_seconds,
        model::name(wish.offload),
        ports.join(", ")
    );
    Some(Trouble::new(Step::Runtime, Reason::ProtocolMismatch, message))
}
