//! The init container that brings or verifies the model file.

use crds::offload::ModelSource;
use k8s_openapi::api::core::v1::Pod;

use super::{failure, is_model_container, last_line, ran_out_of_memory, statuses, told};
use crate::{
    Reason, World,
    status::{
        trouble::{Step, Trouble},
        view::Wish,
    },
};

/// It failed.
pub fn model_file(pod: &Pod, _: &World, wish: &Wish<'_>) -> Option<Trouble> {
    let mut containers = statuses(pod).filter(|status| is_model_container(&status.name));
    let (status, ended) = containers.find_map(|status| Some((status, failure(status)?)))?;
    let (reason, words) = told(ended).unwrap_or((Reason::ModelDownloadFailed, last_line(ended)));
    if ran_out_of_memory(ended) {
        let message = format!("container {} ran out of memory while it handled the model file", status.name);
        return Some(Trouble::new(Step::Model, Reason::OutOfMemory, message));
    }
    let fix = match reason {
        Reason::DigestMismatch => "correct spec.model.digest, or the file",
        _ => "correct the source, or bring it back",
    };
    let message = format!("{}: {words}; {fix}", source(&wish.offload.spec.model.source));
    Some(Trouble::new(Step::Model, reason, message))
}

fn source(source: &ModelSource) -> String {
    match (&source.image, &source.https) {
        (Some(image), _) => format!("spec.model.source.image {}", image.reference),
        (None, Some(https)) => format!("spec.model.source.https {}", https.url),
        (None, None) => "spec.model.source".into(),
    }
}
