//! What the kubelet needs before a container runs: images, mounts.

use k8s_openapi::api::core::v1::Pod;

use super::statuses;
use crate::{
    Reason, World,
    resources::RUNTIME_NAME,
    status::{
        text,
        trouble::{Step, Trouble},
        view::Wish,
    },
};

/// An image cannot be pulled.
pub fn image_missing(pod: &Pod, _: &World, wish: &Wish<'_>) -> Option<Trouble> {
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

/// A container cannot be made of its image and its mounts.
pub fn container_not_made(pod: &Pod, _: &World, wish: &Wish<'_>) -> Option<Trouble> {
    let waiting = statuses(pod).filter_map(|status| Some((status, status.state.as_ref()?.waiting.as_ref()?)));
    let mut failed = waiting.filter(|(_, waiting)| {
        matches!(
            waiting.reason.as_deref(),
            Some("CreateContainerError" | "CreateContainerConfigError" | "RunContainerError")
        )
    });
    let (status, waiting) = failed.next()?;
    let words = waiting.message.as_deref().unwrap_or_default();
    let folder = wish.offload.spec.model.source.image.as_ref().map(|image| image.path.as_str());
    Some(match folder {
        Some(folder) if is_about_folder(words, folder) => Trouble::new(
            Step::Model,
            Reason::ModelDownloadFailed,
            format!("spec.model.source.image.path: the image has no folder {folder}; correct the path"),
        ),
        _ => Trouble::new(
            Step::Runtime,
            Reason::Unavailable,
            format!(
                "container {} cannot be made ({}); look at spec.runtime of the class",
                status.name,
                // What stands before it names containers by numbers that change with each try.
                text::quote(end(words))
            ),
        ),
    })
}

/// The last two clauses: what failed, and why.
fn end(words: &str) -> &str {
    let start = words.rmatch_indices(": ").nth(1).map_or(0, |(at, separator)| at + separator.len());
    &words[start..]
}

/// Container runtimes have no common words for it.
fn is_about_folder(words: &str, folder: &str) -> bool {
    let lower = words.to_lowercase();
    ["subpath", "sub path", "sub_path"].iter().any(|word| lower.contains(word))
        || words.contains(&format!("/{folder}"))
        || words.contains(&format!("\"{folder}\""))
}
