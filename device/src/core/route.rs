//! Which endpoint: power of two choices among near-equals.
//!
//! Always the best one would send a whole fleet to the node that looked idle a second ago.

use wire::Outcome;

use super::endpoint::{Ask, EndpointId};
use super::estimate::Forecast;
use super::event::Start;
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
    let ask = Ask {
        now_us,
        kibibytes: bytes as f32 / 1_024.0,
        fleet: model.fleet(),
        stale_after_us: u64::from(model.policy.load_stale_after_milliseconds) * 1_000,
    };
    let mut means_us = [f32::INFINITY; ENDPOINTS_MAX];
    let mut queues_us = [0.0; ENDPOINTS_MAX];
    let (mut staying, mut leaving) = (0_u16, 0_u16);
    for (index, place) in model.places().iter().enumerate() {
        let Some(endpoint) = place else { continue };
        let bit = 1 << index;
        if endpoint.breaker.is_closed() && but.0 & bit == 0 {
            (means_us[index], queues_us[index]) = endpoint.mean_us(&ask);
            if endpoint.is_leaving() { leaving |= bit } else { staying |= bit }
        }
    }
    // Those that are leaving only where no other is left.
    let near = near(&means_us, if staying == 0 { leaving } else { staying });
    let Some((first, second)) = two_of(near, random) else {
        let none = model.endpoints().next().is_none();
        return Err(if none { Reason::NoEndpoint } else { Reason::EndpointsUnreachable });
    };
    // By their queues alone: by the whole time the one that once was a trifle faster would get everything.
    let index = if queues_us[second] + QUEUE_US < queues_us[first] { second } else { first };
    let endpoint = EndpointId(index as u8);
    let known = model.endpoint(endpoint).expect("only known endpoints are near");
    Ok(Route { endpoint, forecast: known.forecast(&ask) })
}

/// Those of the candidates that are about as good as the best of them.
fn near(means_us: &[f32; ENDPOINTS_MAX], candidates: u16) -> u16 {
    let mut means_us = *means_us;
    for (index, mean_us) in means_us.iter_mut().enumerate() {
        if candidates & 1 << index == 0 {
            *mean_us = f32::INFINITY;
        }
    }
    let best_us = means_us.iter().fold(f32::INFINITY, |best, mean_us| best.min(*mean_us));
    let limit_us = (best_us * NEAR_FACTOR).max(best_us + NEAR_US);
    let is_near = |mean_us: f32| mean_us <= limit_us && mean_us < f32::INFINITY;
    means_us.iter().enumerate().fold(0, |near, (index, mean_us)| near | u16::from(is_near(*mean_us)) << index)
}

/// Two different ones of the bits that are set, or one twice where there is one only.
fn two_of(bits: u16, random: u32) -> Option<(usize, usize)> {
    let count = bits.count_ones();
    if count == 0 {
        return None;
    }
    let first = ((random & 0xffff) * count) >> 16;
    // Another one than the first: an offset of 1 to count - 1.
    let offset = if count > 1 { 1 + (((random >> 16) * (count - 1)) >> 16) } else { 0 };
    let second = if first + offset < count { first + offset } else { first + offset - count };
    Some((nth(bits, first), nth(bits, second)))
}

/// Place of the bit that is set with `skipped` others below it.
fn nth(mut bits: u16, skipped: u32) -> usize {
    for _ in 0..skipped {
        bits &= bits - 1;
    }
    bits.trailing_zeros() as usize
}
