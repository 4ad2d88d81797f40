//! The init container that brings the model file, or looks at the one that the kubelet brought. It stands before every
//! container that could load the file.

use k8s_openapi::api::core::v1::{Container, VolumeMount};

use super::{mount, own, read_only};
use crate::{
    Valid,
    inputs::Settings,
    resources::{paths, volumes},
    valid::Source,
};

/// Downloads and verifies.
pub const FETCH_NAME: &str = "fetch";
/// Verifies what an image brought.
pub const VERIFY_NAME: &str = "verify";

/// `fetch` for a URL; `verify` for an image with a digest; none for an image without one.
pub fn container(valid: &Valid, settings: &Settings) -> Option<Container> {
    match &valid.model.source {
        Source::Https { url } => Some(fetch(valid, settings, url)),
        Source::Image { .. } => verify(valid, settings),
    }
}

/// The mount under which every container finds the model.
pub fn models(valid: &Valid) -> VolumeMount {
    let sub_path = match &valid.model.source {
        Source::Image { path, .. } => Some(path.clone()),
        Source::Https { .. } => None,
    };
    VolumeMount { sub_path, ..read_only(volumes::MODELS, paths::model_folder(&valid.model)) }
}

fn fetch(valid: &Valid, settings: &Settings, url: &str) -> Container {
    let mut words = vec![paths::SIDECAR.into(), "fetch".into()];
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    option("--url", url.into());
    option("--to", paths::model_file(&valid.model));
    option("--size-max", volumes::model_bytes_max(&valid.model).to_string());
    if let Some(digest) = &valid.model.digest {
        option("--digest", digest.to_string());
    }
    for host in &valid.class.models.allowed_hosts {
        option("--allow-host", host.clone());
    }
    let mut mounts = vec![mount(volumes::MODELS, paths::model_folder(&valid.model))];
    if valid.class.models.ca_config_map_name.is_some() {
        option("--ca", format!("{}/{}", paths::CA_FOLDER, paths::CA_KEY));
        mounts.push(read_only(volumes::CA, paths::CA_FOLDER));
    }
    Container { name: FETCH_NAME.into(), command: Some(words), volume_mounts: Some(mounts), ..own(settings) }
}

fn verify(valid: &Valid, settings: &Settings) -> Option<Container> {
    let digest = valid.model.digest.as_ref()?.to_string();
    let file = paths::model_file(&valid.model);
    let words = [paths::SIDECAR, "verify", "--file", &file, "--digest", &digest];
    Some(Container {
        name: VERIFY_NAME.into(),
        command: Some(words.map(String::from).into()),
        volume_mounts: Some(vec![models(valid)]),
        ..own(settings)
    })
}
