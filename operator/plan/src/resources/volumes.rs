//! The volumes of a pod. Memory, images, ConfigMaps and the class's Secret only: nothing of the node, nothing that outlives
//! the pod.

use k8s_openapi::{
    api::core::v1::{ConfigMapVolumeSource, EmptyDirVolumeSource, ImageVolumeSource, KeyToPath, Volume},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{credentials, paths};
use crate::{
    Valid, names,
    valid::{Source, ValidModel},
};

/// The model file.
pub const MODELS: &str = "models";
/// The sidecar's configuration.
pub const SIDECAR_CONFIG: &str = "sidecar-config";
/// Policy bundle and table of nodes.
pub const POLICY: &str = "policy";
/// The drain socket.
pub const RUN: &str = "run";
/// Certificates that sign for the model host.
pub const CA: &str = "ca";
/// `/dev/shm`.
pub const SHARED_MEMORY: &str = "shared-memory";
/// Longest download of a model without `spec.model.size`: what fits an edge accelerator.
const MODEL_BYTES_DEFAULT_MAX: u64 = 4 << 30;
/// Room beside the model file, for what a download keeps to resume.
const MODEL_FOLDER_SLACK_BYTES: u64 = 1 << 20;

/// Every volume that some container mounts.
pub fn volumes(valid: &Valid, sidecar_config: &str) -> Vec<Volume> {
    let runtime = &valid.class.runtime;
    let mut all = vec![
        models(valid),
        config_map(SIDECAR_CONFIG, sidecar_config, None),
        config_map(POLICY, &names::policy(&valid.name), None),
        memory(RUN, Some(Quantity("1Mi".into()))),
    ];
    if let (Source::Https { .. }, Some(ca)) = (&valid.model.source, &valid.class.models.ca_config_map_name) {
        all.push(config_map(CA, ca, Some(paths::CA_KEY)));
    }
    all.extend(credentials::mounts(&valid.class.endpoint).into_iter().map(|(volume, _)| volume));
    // Without a size of their own: memory folders count against the memory limit of the container that writes.
    all.extend((0..runtime.scratch.len()).map(|index| memory(&scratch(index), None)));
    all.extend(runtime.shared_memory.clone().map(|size| memory(SHARED_MEMORY, Some(size))));
    all
}

/// Name of the volume behind the scratch folder with this index.
pub fn scratch(index: usize) -> String {
    format!("scratch-{index}")
}

/// Longest model file that is downloaded, in bytes.
pub fn model_bytes_max(model: &ValidModel) -> u64 {
    model.size_bytes.unwrap_or(MODEL_BYTES_DEFAULT_MAX)
}

fn models(valid: &Valid) -> Volume {
    let name = MODELS.into();
    match &valid.model.source {
        Source::Image { reference, .. } => Volume {
            name,
            image: Some(ImageVolumeSource {
                reference: Some(reference.clone()),
                pull_policy: Some("IfNotPresent".into()),
            }),
            ..Volume::default()
        },
        Source::Https { .. } => {
            let bytes = model_bytes_max(&valid.model).saturating_add(MODEL_FOLDER_SLACK_BYTES);
            let folder = EmptyDirVolumeSource { medium: None, size_limit: Some(Quantity(bytes.to_string())) };
            Volume { name, empty_dir: Some(folder), ..Volume::default() }
        }
    }
}

/// A `ConfigMap`, or one key of it.
pub fn config_map(volume: &str, name: &str, key: Option<&str>) -> Volume {
    let items = key.map(|key| vec![KeyToPath { key: key.into(), path: key.into(), mode: None }]);
    Volume {
        name: volume.into(),
        config_map: Some(ConfigMapVolumeSource {
            name: name.into(),
            items,
            optional: Some(false),
            default_mode: None,
        }),
        ..Volume::default()
    }
}

fn memory(volume: &str, size_limit: Option<Quantity>) -> Volume {
    Volume {
        name: volume.into(),
        empty_dir: Some(EmptyDirVolumeSource { medium: Some("Memory".into()), size_limit }),
        ..Volume::default()
    }
}
