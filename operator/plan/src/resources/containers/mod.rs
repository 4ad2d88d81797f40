//! The containers: one fetches or verifies the model file, one stands in front of the model server, one is the model
//! server. All run under the restricted pod security level.

mod model_file;
mod runtime;
mod sidecar;

use k8s_openapi::{
    api::core::v1::{Capabilities, Container, EnvVar, ResourceRequirements, SecurityContext, VolumeMount},
    apimachinery::pkg::api::resource::Quantity,
};

pub use model_file::{FETCH_NAME, VERIFY_NAME};
pub use runtime::{RUNTIME_NAME, runtime};
pub use sidecar::SIDECAR_NAME;

use crate::{Valid, inputs::Settings};

/// In the order in which they start: nothing loads a file that was not verified.
pub fn init(valid: &Valid, settings: &Settings) -> Vec<Container> {
    model_file::container(valid, settings).into_iter().chain([sidecar::container(valid, settings)]).collect()
}

/// What the containers with Longshore's own program share. `void` keeps a container runtime that gives accelerators to
/// every container of its RuntimeClass from giving one to this.
fn own(settings: &Settings) -> Container {
    Container {
        image: Some(settings.sidecar_image.clone()),
        image_pull_policy: Some(settings.sidecar_image_pull_policy.clone()),
        env: Some(vec![EnvVar {
            name: "NVIDIA_VISIBLE_DEVICES".into(),
            value: Some("void".into()),
            value_from: None,
        }]),
        resources: Some(ResourceRequirements {
            requests: Some([amount("cpu", "10m"), amount("memory", "16Mi")].into()),
            limits: Some([amount("memory", "64Mi")].into()),
            claims: None,
        }),
        ..restricted()
    }
}

/// What every container has.
fn restricted() -> Container {
    Container {
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".into()]) }),
            ..SecurityContext::default()
        }),
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        ..Container::default()
    }
}

fn amount(resource: &str, quantity: &str) -> (String, Quantity) {
    (resource.into(), Quantity(quantity.into()))
}

fn mount(volume: &str, path: impl Into<String>) -> VolumeMount {
    VolumeMount { name: volume.into(), mount_path: path.into(), ..VolumeMount::default() }
}

/// A volume that is not written to.
pub fn read_only(volume: &str, path: impl Into<String>) -> VolumeMount {
    VolumeMount { read_only: Some(true), ..mount(volume, path) }
}
