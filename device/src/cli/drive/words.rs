//! The lines of `drive`: events as they come in, effects as they go out.

use longshore_device::core::endpoint::LoadSeen;
use longshore_device::core::event::Effect;
use longshore_device::core::outcome::{Place, Verdict};
use longshore_device::core::probe::Question;
use serde::Deserialize;
use serde_json::{Value, json};
use wire::bundle::OffloadPolicy;

/// A line in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    pub(super) now_microseconds: u64,
    /// 32 random bits for this event. Default: from `--seed`.
    pub(super) random: Option<u32>,
    #[serde(flatten)]
    pub(super) word: Word,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Word {
    /// Begins anew.
    Model {
        #[serde(default)]
        policy: OffloadPolicy,
        /// When the policy expires. Default: never.
        policy_until_microseconds: Option<u64>,
        /// Measured runs of the model on the device. Empty: it does not run there.
        #[serde(default)]
        local_microseconds: Vec<f32>,
        #[serde(default = "one")]
        endpoints: u8,
        service_p95_microseconds: Option<f32>,
        /// Whether the endpoints tell routes.
        #[serde(default)]
        routes: bool,
    },
    Start {
        request: u64,
        deadline_microseconds: u64,
        bytes: u32,
        battery_percent: Option<f32>,
    },
    LocalDone {
        request: u64,
        confidence: Option<f32>,
    },
    LocalFailed {
        request: u64,
    },
    RemoteAnswered {
        request: u64,
        endpoint: u8,
        outcome: String,
        total_microseconds: u64,
        #[serde(default)]
        queue_microseconds: u64,
        #[serde(default)]
        service_microseconds: u64,
        bytes: u32,
        load: Option<Load>,
    },
    RemoteFailed {
        request: u64,
        endpoint: u8,
    },
    Timer {
        request: u64,
    },
    Abandon {
        request: u64,
    },
    Tick,
    Probed {
        endpoint: u8,
        question: String,
        round_trip_microseconds: Option<u64>,
        #[serde(default)]
        load: Load,
    },
    /// What another endpoint told of one.
    Routed {
        endpoint: u8,
        #[serde(default)]
        age_microseconds: u64,
        #[serde(default)]
        load: Load,
    },
    /// An endpoint told routes, and how long they are good for.
    Resolved {
        ttl_microseconds: u64,
    },
    /// An endpoint that a route leads to answered.
    Met {
        round_trip_microseconds: u64,
        #[serde(default)]
        load: Load,
    },
    /// An endpoint is to be forgotten.
    Removed {
        endpoint: u8,
    },
    /// The site's leave to send so many requests in each period.
    Credited {
        requests: u32,
        period_microseconds: u64,
        until_microseconds: u64,
    },
    /// The device is at another site.
    Moved,
    Forecast {
        bytes: u32,
    },
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Load {
    wait_microseconds: f32,
    service_p95_microseconds: f32,
    draining: bool,
}

impl From<Load> for LoadSeen {
    fn from(load: Load) -> Self {
        Self {
            wait_us: load.wait_microseconds,
            service_p95_us: load.service_p95_microseconds,
            draining: load.draining,
        }
    }
}

const fn one() -> u8 {
    1
}

pub(super) fn told(request: u64, effect: Effect) -> Value {
    match effect {
        Effect::RunLocal => json!({ "effect": "runLocal", "request": request }),
        Effect::Send { endpoint, deadline_us } => json!({
            "effect": "send", "request": request, "endpoint": endpoint.0, "deadlineMicroseconds": deadline_us,
        }),
        Effect::Cancel { endpoint } => {
            json!({ "effect": "cancel", "request": request, "endpoint": endpoint.0 })
        }
        Effect::SetTimer { at_us } => {
            json!({ "effect": "setTimer", "request": request, "atMicroseconds": at_us })
        }
        Effect::Answer(Verdict { ending, place, reason }) => {
            let endpoint = match place {
                Some(Place::Edge(endpoint)) => Some(endpoint.0),
                _ => None,
            };
            json!({
                "effect": "answer", "request": request, "outcome": ending.word(),
                "place": place.map(|place| place.word()), "endpoint": endpoint, "reason": reason.word(),
            })
        }
    }
}

/// Nothing to do.
pub(super) fn nothing() -> Value {
    json!({ "effects": [] })
}

const QUESTIONS: [Question; 3] = [Question::Load, Question::ReadyAndLoad, Question::Ready];

pub(super) const fn word(question: Question) -> &'static str {
    match question {
        Question::Load => "load",
        Question::ReadyAndLoad => "readyAndLoad",
        Question::Ready => "ready",
    }
}

pub(super) fn asked(text: &str) -> Result<Question, String> {
    let found = QUESTIONS.into_iter().find(|question| word(*question) == text);
    found.ok_or_else(|| format!("no question {text:?}"))
}
