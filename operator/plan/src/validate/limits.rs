//! How much the spec asks for, against what the class allows.

use crds::{InferenceOffload, OffloadClass};

use super::{class::name_of, unsigned, violation};
use crate::{Reason, Violation};

/// Pods of an offload that names no number.
pub const REPLICAS_DEFAULT: i32 = 1;
/// Accelerators of a replica where the class has some and the spec names no number.
const ACCELERATORS_DEFAULT: i32 = 1;

/// Accelerators of each replica; 0 where the class has none.
pub fn accelerators(offload: &InferenceOffload, class: &OffloadClass) -> u32 {
    match class.spec.accelerator {
        Some(_) => unsigned(offload.spec.accelerators.unwrap_or(ACCELERATORS_DEFAULT)),
        None => 0,
    }
}

/// Replicas, accelerators and payload are within the class's limits.
pub fn check(offload: &InferenceOffload, class: &OffloadClass) -> Vec<Violation> {
    let checks = [replicas(offload, class), accelerator_count(offload, class), payload(offload, class)];
    checks.into_iter().flatten().map(|message| violation(Reason::ClassNotAllowed, message)).collect()
}

fn replicas(offload: &InferenceOffload, class: &OffloadClass) -> Option<String> {
    let wish = offload.spec.replicas.unwrap_or(REPLICAS_DEFAULT);
    let most = class.spec.limits.replicas;
    (wish > most).then(|| {
        format!(
            "spec.replicas: {wish} is more than the {most} that OffloadClass {} allows (its spec.limits.replicas); use at most {most}",
            name_of(class)
        )
    })
}

fn accelerator_count(offload: &InferenceOffload, class: &OffloadClass) -> Option<String> {
    let wish = offload.spec.accelerators?;
    let most = class.spec.limits.accelerators_per_replica;
    if class.spec.accelerator.is_none() {
        return Some(format!(
            "spec.accelerators: OffloadClass {} has no accelerator; take the field out, or name a class that has one in spec.className",
            name_of(class)
        ));
    }
    (wish > most).then(|| {
        format!(
            "spec.accelerators: {wish} is more than the {most} that OffloadClass {} allows (its \
             spec.limits.acceleratorsPerReplica); use at most {most}",
            name_of(class)
        )
    })
}

fn payload(offload: &InferenceOffload, class: &OffloadClass) -> Option<String> {
    let wish = offload.spec.admission.max_payload_bytes;
    let most = class.spec.limits.payload_bytes;
    (wish > most).then(|| {
        format!(
            "spec.admission.maxPayloadBytes: {wish} is more than the {most} that OffloadClass {} allows (its \
             spec.limits.payloadBytes); use at most {most}",
            name_of(class)
        )
    })
}
