//! What to ask endpoints in the background: how loaded they are, and whether a failed one is back.

use super::endpoint::{EndpointId, LoadSeen};
use super::model::{Bundle, Model};

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
    /// An endpoint that should be probed, and notes that it is.
    pub fn next_probe(&mut self, now_us: u64) -> Option<(EndpointId, Question)> {
        let due = self.endpoints().find(|(_, endpoint)| endpoint.probe_is_due(now_us, QUIET_US))?.0;
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
        let Some(endpoint) = self.endpoint_mut(id) else { return };
        let Some((round_trip_us, load)) = found else { return endpoint.breaker.failed(now_us, random) };
        endpoint.round_trip(round_trip_us);
        endpoint.told(now_us, load);
        if question != Question::Load {
            endpoint.breaker.succeeded();
        }
        self.learned(now_us);
    }
}
