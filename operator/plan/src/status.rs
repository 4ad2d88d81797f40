//! Status from what was observed, never from what was planned.

use crds::offload::InferenceOffloadStatus;
use jiff::Timestamp;

use crate::{Inputs, Observed, Valid, Violation};

/// Status of an accepted offload.
#[must_use]
pub fn accepted(
    inputs: &Inputs,
    valid: &Valid,
    observed: &Observed,
    now: Timestamp,
) -> InferenceOffloadStatus {
    let _ = (inputs, valid, observed, now);
    InferenceOffloadStatus::default()
}

/// Status of an offload whose spec is not accepted: the running fleet is left alone and still reported.
#[must_use]
pub fn rejected(
    inputs: &Inputs,
    violations: &[Violation],
    observed: &Observed,
    now: Timestamp,
) -> InferenceOffloadStatus {
    let _ = (inputs, violations, observed, now);
    InferenceOffloadStatus::default()
}
