//! The body of a refusal: `application/problem+json`, at most 200 bytes.

use serde::{Deserialize, Serialize};

use crate::{Advice, Outcome};

/// Content type of a [`Problem`].
pub const CONTENT_TYPE: &str = "application/problem+json";

/// Longest body of a refusal, in bytes.
pub const BYTES_MAX: usize = 200;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The outcome once more: clients of the Open Inference Protocol look here and complain where nothing stands.
    #[serde(default)]
    pub error: String,
    /// How the request ended.
    pub outcome: Outcome,
    /// What the device should do.
    pub advice: Advice,
    /// How long a request that arrives at once would wait, in milliseconds.
    pub estimated_wait_milliseconds: u64,
}

impl Problem {
    /// The problem for an outcome; the advice comes from the table.
    #[must_use]
    pub fn new(outcome: Outcome, estimated_wait_milliseconds: u64) -> Self {
        Self {
            error: outcome.word().to_owned(),
            outcome,
            advice: outcome.row().advice,
            estimated_wait_milliseconds,
        }
    }

    /// The body.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("two words and a number always serialise")
    }
}
