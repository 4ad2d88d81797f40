//! What a caller gets: exactly one per input.

use std::time::Duration;

use engine::{Tensor, classify::classify};

use crate::core::outcome::{Ending, Reason};

/// The answer to one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// How the request ended.
    pub ending: Ending,
    /// Where the result comes from: `device`, `edge` or `cache`; absent unless answered.
    pub place: Option<&'static str>,
    /// The endpoint that answered; in a cluster the node's name.
    pub endpoint: Option<String>,
    /// The label of the largest probability.
    pub label: Option<String>,
    /// That probability, at the policy's temperature.
    pub confidence: Option<f32>,
    /// From the call until the answer.
    pub latency: Duration,
    /// Of that, how long it waited to be run: in the sidecar as told there, or for the device's processor. Absent where
    /// nothing ran for this answer, or an endpoint does not tell.
    pub queue: Option<Duration>,
    /// Of that, how long it ran: in the model server as told there, or here. Absent as `queue` is.
    pub service: Option<Duration>,
    /// Why it ran where it ran, or why it did not.
    pub reason: Reason,
    /// Digest of the model that answered.
    pub model_digest: Option<String>,
    /// The model's outputs, as far as they were asked for.
    pub outputs: Vec<Tensor>,
    /// What went wrong, for people.
    pub detail: Option<String>,
}

impl Answer {
    /// For an input that the caller could not even read.
    #[must_use]
    pub fn unreadable(detail: String) -> Self {
        Self {
            ending: Ending::Failed,
            place: None,
            endpoint: None,
            label: None,
            confidence: None,
            latency: Duration::ZERO,
            queue: None,
            service: None,
            reason: Reason::InputUnreadable,
            model_digest: None,
            outputs: Vec::new(),
            detail: Some(detail),
        }
    }
}

/// How long a request waited where it ran, and how long it ran, as far as that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) queue: Option<Duration>,
    pub(crate) service: Option<Duration>,
}

/// A model's outputs, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outputs {
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) label: Option<String>,
    pub(crate) confidence: Option<f32>,
    pub(crate) endpoint: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) times: Times,
    /// Why there is no label.
    pub(crate) unlabelled: Option<String>,
}

impl Outputs {
    pub(crate) fn read(tensors: Vec<Tensor>, labels: &[String], temperature: f32) -> Self {
        match classify(&tensors, labels, temperature) {
            Ok(found) => Self {
                tensors,
                label: Some(found.label),
                confidence: Some(found.confidence),
                ..Self::default()
            },
            Err(error) => Self { tensors, unlabelled: Some(error.to_string()), ..Self::default() },
        }
    }
}
