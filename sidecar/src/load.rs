//! How loaded this endpoint is. In: its queue and what was measured. Out: the situation of a request that arrives now, and
//! the report.

use std::time::Instant;

use admission::{
    admit::Situation,
    load::{self, Claim, Surroundings},
};
use wire::LoadReport;

use crate::{drain::Phase, endpoint::Endpoint};

/// The situation of a request that arrives at `now`.
pub fn situation(endpoint: &Endpoint, now: Instant, claim: &Claim, payload_bytes: Option<u64>) -> Situation {
    let view = |ask: &_, mean| endpoint.queue.view(now, ask, mean);
    load::predict(&endpoint.load, &endpoint.config.admission, now, claim, payload_bytes, view)
}

/// The situation of a newcomer without a wish.
pub fn of_anyone(endpoint: &Endpoint, now: Instant) -> Situation {
    situation(endpoint, now, &Claim::anyone(&endpoint.config.admission, now), None)
}

/// The report as of `now`.
pub fn report(endpoint: &Endpoint, now: Instant) -> LoadReport {
    let usage = endpoint.usage.at(now);
    let around = Surroundings {
        processor: usage.processor,
        memory: usage.memory,
        is_leaving: endpoint.drain.phase() > Phase::Serving,
        is_ready: endpoint.ready.is_ready(),
    };
    load::report(&endpoint.load, &endpoint.config.admission, &of_anyone(endpoint, now), around)
}
