//! What enters and leaves the life of a request: events and effects, plain values.

use wire::Outcome;

use super::endpoint::{EndpointId, Exchange, LoadSeen};
use super::outcome::Verdict;

/// What a request starts with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    /// When the answer is due, in microseconds.
    pub deadline_us: u64,
    /// Length of the request body for the edge, in bytes.
    pub bytes: u32,
    /// Battery level; `None` on mains power.
    pub battery_percent: Option<f32>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The model on the device answered.
    LocalDone {
        /// Largest probability, 0 to 1, where the outputs have one.
        confidence: Option<f32>,
    },
    /// The model on the device failed.
    LocalFailed,
    /// An endpoint answered or refused.
    RemoteAnswered {
        /// Which.
        endpoint: EndpointId,
        /// How the request ended there.
        outcome: Outcome,
        /// How long it took.
        exchange: Exchange,
        /// What it said about its load.
        load: Option<LoadSeen>,
    },
    /// The connection to an endpoint failed.
    RemoteFailed {
        /// Which.
        endpoint: EndpointId,
    },
    /// The time of the latest [`Effect::SetTimer`] has come.
    Timer,
}

/// What the driver must do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// Run the model on the device.
    RunLocal,
    /// Send the input to an endpoint.
    Send {
        /// Which.
        endpoint: EndpointId,
        /// When its answer is due, in microseconds.
        deadline_us: u64,
    },
    /// Give up what was sent to an endpoint.
    Cancel {
        /// Which.
        endpoint: EndpointId,
    },
    /// Send [`Event::Timer`] at this time, in microseconds; replaces the timer before.
    SetTimer {
        /// When.
        at_us: u64,
    },
    /// The verdict: the last effect of a request.
    Answer(Verdict),
}

/// The effects of one event, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effects {
    items: [Option<Effect>; 5],
    count: usize,
}

impl Effects {
    pub(super) fn push(&mut self, effect: Effect) {
        self.items[self.count] = Some(effect);
        self.count += 1;
    }
}

impl IntoIterator for Effects {
    type Item = Effect;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<Effect>, 5>>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter().flatten()
    }
}
