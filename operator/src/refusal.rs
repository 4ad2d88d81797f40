//! From an answer of the API server to what the user can do about it.

use k8s_openapi::api::apps::v1::Deployment;
use kube::Resource;
use plan::{Reason, Refusal, Valid};

use crate::metrics::Kind;

/// Longest part of the API server's own text in a message, in characters.
const TEXT_CHARS_MAX: usize = 512;

/// Whose a child is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Of the offload that is being looked at.
    This,
    /// Of an offload of the same name that is gone; the garbage collector takes it.
    EarlierOffload,
    /// Anyone else's, with their kind and name; or nobody's.
    SomeoneElse(String),
}

/// Whose a child is, seen from an offload.
pub fn owner<K: Resource>(child: &K, offload: &Valid) -> Owner {
    let controller =
        child.meta().owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    match controller {
        Some(owner) if owner.uid == offload.uid => Owner::This,
        Some(owner) if owner.kind == "InferenceOffload" && owner.name == offload.name => {
            Owner::EarlierOffload
        }
        Some(owner) => Owner::SomeoneElse(format!("{} {}", owner.kind, owner.name)),
        None => Owner::SomeoneElse("no offload".into()),
    }
}

/// A child that cannot be made because its name is taken.
pub fn not_ours(kind: Kind, name: &str, owner: &str) -> Refusal {
    Refusal {
        reason: Reason::InvalidSpec,
        message: format!(
            "metadata.name: {kind:?} {name} exists and belongs to {owner}; \
             delete or rename it, or give the offload another name"
        ),
    }
}

/// What the user can change; `None` when it is nothing of theirs.
pub fn of(kind: Kind, name: &str, error: &kube::Error) -> Option<Refusal> {
    let kube::Error::Api(status) = error else { return None };
    let over_quota = status.is_forbidden() && status.message.contains("exceeded quota");
    if !status.is_invalid() && !over_quota {
        return None;
    }
    let text = status.message.as_str();
    Some(match kind {
        Kind::Service if text.contains("provided port is already allocated") => Refusal {
            reason: Reason::PortConflict,
            message: format!(
                "spec.endpoint.nodePort: {} is already allocated to another Service; \
                 choose another port or remove the field to have one chosen",
                port(text)
            ),
        },
        Kind::Service if text.contains("not in the valid range") => Refusal {
            reason: Reason::PortConflict,
            message: format!(
                "spec.endpoint.nodePort: {} is outside the cluster's node ports{}; \
                 choose one inside or remove the field to have one chosen",
                port(text),
                range(text)
            ),
        },
        Kind::Deployment if text.contains("must specify a volume type") => no_image_volumes(),
        _ => Refusal {
            reason: Reason::InvalidSpec,
            message: format!("the API server refuses {kind:?} {name}: {}", shortened(text)),
        },
    })
}

/// A cluster that does not know image volumes refuses a Deployment with one, or takes it and leaves the volume out.
pub fn no_image_volumes() -> Refusal {
    Refusal {
        reason: Reason::ModelSourceUnsupported,
        message: "spec.model.source.image: this cluster does not mount image volumes (Kubernetes 1.35 does, \
                  earlier ones with the feature gate ImageVolume); use spec.model.source.https"
            .into(),
    }
}

/// How many image volumes the pods of a Deployment have.
pub fn image_volumes(deployment: &Deployment) -> usize {
    let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let volumes = pod.and_then(|pod| pod.volumes.as_ref());
    volumes.into_iter().flatten().filter(|volume| volume.image.is_some()).count()
}

/// `spec.ports[0].nodePort: Invalid value: 30080: ...`
fn port(text: &str) -> &str {
    let value = text.split("Invalid value: ").nth(1).unwrap_or_default();
    value.split(':').next().filter(|port| !port.is_empty()).unwrap_or("the port")
}

/// `... The range of valid ports is 30000-32767`
fn range(text: &str) -> String {
    match text.split("The range of valid ports is ").nth(1) {
        Some(range) => format!(" ({})", range.split(|c: char| c.is_whitespace()).next().unwrap_or_default()),
        None => String::new(),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}
