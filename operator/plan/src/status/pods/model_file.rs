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

/// Seconds for the kubelet to mount ConfigMaps that exist.
const MOUNT_SECONDS_MAX: i64 = 30;

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

/// The kubelet waits for the certificates. It says so in events only, so this is told from what is there.
pub fn certificates_missing(pod: &Pod, _: &World, wish: &Wish<'_>) -> Option<Trouble> {
    wish.offload.spec.model.source.https.as_ref()?;
    let name = wish.class?.models.ca_config_map_name.as_ref()?;
    let condition = |type_: &str, status: &str| {
        let mut all = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        all.find(|one| one.type_ == type_ && one.status == status)
    };
    condition("PodReadyToStartContainers", "False")?;
    let scheduled = condition("PodScheduled", "True")?.last_transition_time.as_ref()?;
    if wish.now.as_second() - scheduled.0.as_second() <= MOUNT_SECONDS_MAX {
        return None;
    }
    let message = format!(
        "the pod waits for its volumes; look whether ConfigMap {name} with the key ca.crt stands in this namespace, as \
         spec.models.caConfigMapName of the class asks"
    );
    Some(Trouble::new(Step::Model, Reason::ModelDownloadFailed, message))
}
