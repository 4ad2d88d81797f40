//! What to ask endpoints in the background: how loaded they are, and whether a failed one is back.

use super::endpoint::{Endpoint, EndpointId, LoadSeen};
use super::model::{Bundle, Local, Model};

/// An endpoint that nothing was heard of for this long is asked for its load, in microseconds.
const QUIET_US: u64 = 10_000_000;

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Its load. That is told while the model is down too, so it makes no failure undone.
    Load,
    /// Whether the model of a failed endpoint is ready, then its load.
    ReadyAndLoad,
    /// Whether the model is ready: a bare model server does not tell its load.
    Ready,
}

impl Model {
    /// An endpoint that should be probed, and notes that it is. Whoever needs the edge looks for one that is back whatever that
    /// costs: a device whose work stands there while it is in use, and one that can do nothing itself.
    pub fn next_probe(&mut self, now_us: u64) -> Option<(EndpointId, Question)> {
        let may_wake = self.may_wake_radio(now_us);
        let needs_edge =
            matches!(self.local, Local::Absent(_)) || self.standing.at_edge && self.radio.is_in_use(now_us);
        let is_due = |endpoint: &Endpoint| {
            endpoint.probe_is_due(now_us, QUIET_US)
                && (may_wake || needs_edge && !endpoint.breaker.is_closed())
        };
        let due = self.endpoints().find(|(_, endpoint)| is_due(endpoint))?.0;
        self.wake_radio(now_us);
        let is_bare = self.bundle == Bundle::Waived;
        let endpoint = self.endpoint_mut(due)?;
        endpoint.asked(now_us);
        let has_failed = !endpoint.breaker.is_closed();
        if has_failed {
            // One probe at a time: the next is due when this one has long ended.
            endpoint.breaker.rest(now_us + QUIET_US);
        }
        let question = match (is_bare, has_failed) {
            (true, _) => Question::Ready,
            (false, true) => Question::ReadyAndLoad,
            (false, false) => Question::Load,
        };
        Some((due, question))
    }

    /// The end of a probe: its round trip and the load it found, or nothing.
    pub fn probed(
        &mut self,
        now_us: u64,
        random: u32,
        (id, question): (EndpointId, Question),
        found: Option<(u64, LoadSeen)>,
    ) {
        self.radio.works(now_us);
        let Some(endpoint) = self.endpoint_mut(id) else { return };
        let Some((round_trip_us, load)) = found else { return endpoint.breaker.failed(now_us, random) };
        endpoint.round_trip(round_trip_us);
        endpoint.told(now_us, load);
        if question != Question::Load {
            endpoint.breaker.is_back();
        }
        self.learned(now_us);
    }
}
