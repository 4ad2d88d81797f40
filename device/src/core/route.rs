//! Which endpoint: power of two choices among near-equals.
//!
//! Always the best one would send a whole fleet to the node that looked idle a second ago.

use wire::Outcome;

use super::endpoint::{Endpoint, EndpointId};
use super::estimate::Forecast;
use super::event::Start;
use super::fleet::{FleetMean, Guesses};
use super::model::{ENDPOINTS_MAX, Model};
use super::outcome::Reason;

/// Endpoints within this factor of the best are near-equals.
const NEAR_FACTOR: f32 = 1.25;

/// So are those within this much of it, in microseconds.
const NEAR_US: f32 = 2_000.0;

/// Queues that differ by less count as equal, in microseconds.
const QUEUE_US: f32 = 1_000.0;

/// Endpoints, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Set(u16);

impl Set {
    fn add(&mut self, id: EndpointId) {
        self.0 |= 1 << (id.0 & 15);
    }

    const fn has(self, id: EndpointId) -> bool {
        self.0 & (1 << (id.0 & 15)) != 0
    }
}

/// Endpoints that a request has been to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// At least once.
    pub once: Set,
    /// Twice, or they refused: not again.
    pub for_good: Set,
}

impl Tried {
    /// Notes a visit.
    pub fn visit(&mut self, id: EndpointId) {
        if self.once.has(id) {
            self.for_good.add(id);
        }
        self.once.add(id);
    }

    /// Notes a refusal.
    pub fn refused(&mut self, id: EndpointId) {
        self.for_good.add(id);
    }
}

/// An endpoint and what to expect of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Route {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The expected time.
    pub forecast: Forecast,
}

/// The route of a request that has been nowhere yet.
pub fn first(model: &Model, now_us: u64, random: u32, start: &Start) -> Result<Route, Reason> {
    if model.payload_bytes_max < u64::from(start.bytes) {
        return Err(Reason::Refused(Outcome::PayloadTooLarge));
    }
    pick(model, now_us, start.bytes, Set::default(), random)
}

/// Picks an endpoint whose breaker is closed and that is not to be left out, or tells why there is none.
pub fn pick(model: &Model, now_us: u64, bytes: u32, but: Set, random: u32) -> Result<Route, Reason> {
    let guesses =
        Guesses { kibibyte_us: model.profile.kibibyte_us(), service_told_us: model.service_told_us };
    let known = || model.endpoints().map(|(_, endpoint)| endpoint);
    let ask = Ask {
        now_us,
        bytes,
        fleet: FleetMean::over(known(), now_us, guesses),
        stale_after_us: u64::from(model.policy.load_stale_after_milliseconds) * 1_000,
    };
    let is_open = |id, endpoint: &Endpoint| endpoint.breaker.is_closed() && !but.has(id);
    let one_stays = model.endpoints().any(|(id, endpoint)| is_open(id, endpoint) && !endpoint.is_leaving);
    let mut routes = [None; ENDPOINTS_MAX];
    let mut best_us = f32::INFINITY;
    for (route, (id, endpoint)) in routes.iter_mut().zip(model.endpoints()) {
        if is_open(id, endpoint) && !(one_stays && endpoint.is_leaving) {
            let found = ask.route(id, endpoint);
            best_us = best_us.min(found.forecast.mean_us);
            *route = Some(found);
        }
    }
    let limit_us = (best_us * NEAR_FACTOR).max(best_us + NEAR_US);
    let near = || routes.iter().flatten().filter(|route| route.forecast.mean_us <= limit_us);
    let count = near().count() as u32;
    if count == 0 {
        return Err(if known().next().is_some() { Reason::EndpointsUnreachable } else { Reason::NoEndpoint });
    }
    let first = (random & 0xffff) % count;
    // Another one than the first: an offset of 1 to count - 1.
    let second = if count > 1 { (first + 1 + (random >> 16) % (count - 1)) % count } else { first };
    let nth = |index: u32| *near().nth(index as usize).expect("the index is below the count");
    let (a, b) = (nth(first), nth(second));
    // By their queues alone: by the whole time the one that once was a trifle faster would get everything.
    Ok(if b.forecast.queue_us + QUEUE_US < a.forecast.queue_us { b } else { a })
}

#[derive(Clone, Copy)]
struct Ask {
    now_us: u64,
    bytes: u32,
    fleet: FleetMean,
    stale_after_us: u64,
}

impl Ask {
    fn route(self, id: EndpointId, endpoint: &Endpoint) -> Route {
        let forecast = endpoint.forecast(self.now_us, self.bytes, self.fleet, self.stale_after_us);
        Route { endpoint: id, forecast }
    }
}
