//! What every part of the status looks at: the fleet as it was read, and the verdict on the spec.

use crds::class::OffloadClassSpec;
use jiff::Timestamp;

use super::{fleet::Fleet, model};
use crate::{Inputs, Observed, Reason, Valid, Violation, resources, validate};

/// The fleet and the verdict on the spec.
pub struct View<'a> {
    /// What was seen.
    pub observed: &'a Observed,
    /// Pods, read.
    pub fleet: Fleet,
    /// Replicas: of the spec; of the Deployment while the spec is not accepted.
    pub wished: u32,
    /// Nothing is wished for, and why.
    pub idle: Option<(Reason, &'static str)>,
    /// Why the spec is not accepted; empty when it is.
    pub violations: &'a [Violation],
    /// The class; none when the spec names one that does not exist.
    pub class: Option<&'a OffloadClassSpec>,
    /// Name of the class that the fleet runs under, or would.
    pub class_name: Option<String>,
    /// Name of the model that the fleet serves, or would.
    pub model_name: String,
}

/// What a pod is compared with.
pub struct Wish<'a> {
    /// Hash of the spec; none while it is not accepted: then every pod serves the fleet's spec.
    pub spec_hash: Option<String>,
    /// The class.
    pub class: Option<&'a OffloadClassSpec>,
    /// The offload.
    pub offload: &'a crds::InferenceOffload,
    /// The time.
    pub now: Timestamp,
}

impl<'a> View<'a> {
    /// Of an accepted spec.
    pub fn accepted(inputs: &'a Inputs, valid: &'a Valid, observed: &'a Observed, now: Timestamp) -> Self {
        let wish = Wish {
            spec_hash: Some(resources::spec_hash(valid)),
            class: Some(&valid.class),
            offload: &inputs.offload,
            now,
        };
        Self {
            observed,
            fleet: Fleet::read(&observed.world, &wish),
            wished: valid.replicas,
            idle: idle(valid),
            violations: &[],
            class: Some(&valid.class),
            class_name: Some(valid.class_name.clone()),
            model_name: valid.model.name.clone(),
        }
    }

    /// Of a spec that is not accepted.
    pub fn rejected(
        inputs: &'a Inputs,
        violations: &'a [Violation],
        observed: &'a Observed,
        now: Timestamp,
    ) -> Self {
        let class = validate::find_class(inputs).ok();
        let wish =
            Wish { spec_hash: None, class: class.map(|class| &class.spec), offload: &inputs.offload, now };
        let deployment = observed.world.deployment.as_ref().and_then(|deployment| deployment.spec.as_ref());
        let wished = deployment.and_then(|spec| spec.replicas).unwrap_or_default();
        // What runs goes on under the names of the spec that was accepted: it is dialled by them.
        let running = inputs.offload.status.as_ref().filter(|_| deployment.is_some());
        let model = running.and_then(|status| status.model.as_ref());
        Self {
            observed,
            fleet: Fleet::read(&observed.world, &wish),
            wished: u32::try_from(wished).unwrap_or_default(),
            idle: None,
            violations,
            class: wish.class,
            class_name: running
                .and_then(|status| status.class_name.clone())
                .or_else(|| class?.metadata.name.clone())
                .or_else(|| inputs.offload.spec.class_name.clone()),
            model_name: model.map_or_else(|| model::name(&inputs.offload), |model| model.name.clone()),
        }
    }
}

fn idle(valid: &Valid) -> Option<(Reason, &'static str)> {
    match (valid.suspended, valid.replicas) {
        (true, _) => Some((Reason::Suspended, "spec.suspend is true; set it to false to serve again")),
        (false, 0) => Some((Reason::Unavailable, "spec.replicas is 0; set it to 1 or more to serve")),
        (false, _) => None,
    }
}
