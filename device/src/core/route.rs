//! Which endpoint: power of two choices among near-equals.
//!
//! Always the best one would send a whole fleet to the node that looked idle a second ago.

use wire::Outcome;

use super::endpoint::{Endpoint, EndpointId, FleetMean};
use super::estimate::Forecast;
use super::event::Start;
use super::model::Model;
use super::outcome::Reason;

/// Endpoints within this factor of the best are near-equals.
const NEAR_FACTOR: f32 = 1.25;

/// So are those within this much of it, in microseconds.
const NEAR_US: f32 = 2_000.0;

/// Endpoints that a request has been to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried(u16);

impl Tried {
    /// Notes an endpoint.
    pub fn add(&mut self, id: EndpointId) {
        self.0 |= 1 << (id.0 & 15);
    }

    const fn has(self, id: EndpointId) -> bool {
        self.0 & (1 << (id.0 & 15)) != 0
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
    pick(model, now_us, start.bytes, Tried::default(), random)
}

/// Picks an endpoint whose breaker is closed and that was not tried yet, or tells why there is none.
pub fn pick(model: &Model, now_us: u64, bytes: u32, tried: Tried, random: u32) -> Result<Route, Reason> {
    let ask = Ask {
        now_us,
        bytes,
        fleet: Endpoint::fleet_mean(model.endpoints().map(|(_, endpoint)| endpoint), model.service_told_us),
        stale_after_us: u64::from(model.policy.load_stale_after_milliseconds) * 1_000,
    };
    let candidates = || {
        let open =
            move |(id, endpoint): &(EndpointId, &Endpoint)| endpoint.breaker.is_closed() && !tried.has(*id);
        model.endpoints().filter(open).map(|(id, endpoint)| ask.route(id, endpoint))
    };
    let Some(best_us) = candidates().map(|route| route.forecast.mean_us).reduce(f32::min) else {
        let known = model.endpoints().next().is_some();
        return Err(if known { Reason::EndpointsUnreachable } else { Reason::NoEndpoint });
    };
    let limit_us = (best_us * NEAR_FACTOR).max(best_us + NEAR_US);
    let near = || candidates().filter(|route| route.forecast.mean_us <= limit_us);
    let count = near().count() as u32;
    let first = (random & 0xffff) % count;
    // The second is another one: an offset of 1 to count - 1.
    let second = if count > 1 { (first + 1 + (random >> 16) % (count - 1)) % count } else { first };
    let chosen = near()
        .enumerate()
        .filter(|(index, _)| *index as u32 == first || *index as u32 == second)
        .map(|(_, route)| route)
        .reduce(|a, b| if b.forecast.mean_us < a.forecast.mean_us { b } else { a });
    Ok(chosen.expect("the best endpoint is one of its near-equals"))
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
