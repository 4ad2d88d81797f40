//! What keeps a pod from serving.

use crate::Reason;

/// The step that a pod does not get past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A node for the pod, and the node itself.
    Placement,
    /// The images of the containers.
    Image,
    /// The model file.
    Model,
    /// The model server and the sidecar.
    Runtime,
}

/// What keeps a pod from serving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The step.
    pub step: Step,
    /// The condition's reason.
    pub reason: Reason,
    /// Names the object and the fix.
    pub message: String,
}

impl Trouble {
    /// Puts the parts together.
    pub fn new(step: Step, reason: Reason, message: impl Into<String>) -> Self {
        Self { step, reason, message: message.into() }
    }
}
