//! Which endpoint: power of two choices among near-equals.
//!
//! Always the best one would send a whole fleet to the node that looked idle a second ago.

use wire::Outcome;

use super::endpoint::{Ask, Endpoint, EndpointId};
use super::estimate::Forecast;
use super::event::Start;
use super::model::{ENDPOINTS_MAX, Model};
use super::outcome::Reason;
use super::when::When;

/// Endpoints that take at most this share longer than the best are near-equals.
const NEAR_SHARE: f32 = 0.25;

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
    let stale_after_us = u64::from(model.policy.load_stale_after_milliseconds) * 1_000;
    let ask = Ask {
        now_us,
        kibibytes: bytes as f32 / 1_024.0,
        fleet: model.fleet(),
        fresh_from: When::at(now_us.saturating_sub(stale_after_us)),
        fading_per_us: 1.0 / stale_after_us.max(1) as f32,
    };
    let is_open = |endpoint: &Endpoint| endpoint.breaker.is_closed();
    // Those that are leaving only where no other is left.
    let endpoint = choose(model, &ask, but, random, |one| is_open(one) && !one.is_leaving())
        .or_else(|| choose(model, &ask, but, random, |one| is_open(one) && one.is_leaving()));
    let Some(endpoint) = endpoint else {
        let none = model.endpoints().next().is_none();
        return Err(if none { Reason::NoEndpoint } else { Reason::EndpointsUnreachable });
    };
    let known = model.endpoint(endpoint).expect("only known endpoints are chosen");
    Ok(Route { endpoint, forecast: known.forecast(&ask) })
}

/// One of those that will do.
fn choose(
    model: &Model,
    ask: &Ask,
    but: Set,
    random: u32,
    will_do: impl Fn(&Endpoint) -> bool,
) -> Option<EndpointId> {
    let mut means_us = [f32::INFINITY; ENDPOINTS_MAX];
    let mut queues_us = [0.0; ENDPOINTS_MAX];
    let mut best_us = f32::INFINITY;
    for (index, place) in model.places().iter().enumerate() {
        if let Some(endpoint) = place
            && will_do(endpoint)
            && !but.has(EndpointId(index as u8))
        {
            let (mean_us, queue_us) = endpoint.mean_us(ask);
            (means_us[index], queues_us[index]) = (mean_us, queue_us);
            // Not `min`: what that does for a NaN, which is never less, takes longer than all else.
            best_us = if mean_us < best_us { mean_us } else { best_us };
        }
    }
    let (first, second) = two_near(&means_us, best_us, random)?;
    // By their queues alone: by the whole time the one that once was a trifle faster would get everything.
    let index = if queues_us[second] + QUEUE_US < queues_us[first] { second } else { first };
    Some(EndpointId(index as u8))
}

/// Two different ones of those that are about as good as the best, or one twice where there is one only.
fn two_near(means_us: &[f32; ENDPOINTS_MAX], best_us: f32, random: u32) -> Option<(usize, usize)> {
    let limit_us = (best_us + NEAR_US.max(best_us * NEAR_SHARE)).min(f32::MAX);
    let mut near = [0_u8; ENDPOINTS_MAX];
    let mut count = 0;
    for (index, mean_us) in means_us.iter().enumerate() {
        // Without a branch, of which the processor could not tell where it goes.
        near[count as usize % ENDPOINTS_MAX] = index as u8;
        count += u32::from(*mean_us <= limit_us);
    }
    if count == 0 {
        return None;
    }
    let first = ((random & 0xffff) * count) >> 16;
    // Another one than the first: an offset of 1 to count - 1.
    let offset = if count > 1 { 1 + (((random >> 16) * (count - 1)) >> 16) } else { 0 };
    let second = if first + offset < count { first + offset } else { first + offset - count };
    Some((near[first as usize].into(), near[second as usize].into()))
}
