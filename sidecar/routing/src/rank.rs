//! The order in which a device should try the endpoints. In: the table, what the device says of itself, chance. Out: a few
//! endpoints, the first of them by the power of two among near-equals: always the best one would send a whole fleet to the
//! node that looked idle a second ago.

use std::{
    cmp::Ordering,
    time::{Duration, Instant},
};

use wire::Digest;

use crate::{
    next,
    table::{Endpoint, Standing, Table},
};

/// Endpoints in an answer at most.
pub const ROUTES_MAX: usize = 8;

/// Endpoints within this factor of the best are near-equals ...
const NEAR_FACTOR: f32 = 1.25;

/// ... and so are those within this much of it, in microseconds.
const NEAR_US: f32 = 2_000.0;

/// Round trip to an endpoint of which the device knows nothing, in microseconds: at its own site, and elsewhere.
const ROUND_TRIP_US: (f32, f32) = (5_000.0, 20_000.0);

/// Uplink of a device that measured none, in kbit/s.
const UPLINK_KILOBITS: f32 = 20_000.0;

/// Time in a model server that nobody measured yet, in microseconds.
const SERVICE_US: f32 = 20_000.0;

/// An endpoint where more than this share fails is a fallback only: one that fails fast looks idle.
const FAILING_MAX: f32 = 0.5;

/// What a device says of itself and its request.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Length of the body, in bytes.
    pub bytes: u64,
    /// Time until the answer is of no use.
    pub deadline: Duration,
    /// The device's site; empty where it knows none.
    pub zone: &'a str,
    /// The file that must be served, if it matters.
    pub digest: Option<&'a Digest>,
    /// What the device measured.
    pub observed: &'a [wire::routes::Observed],
    /// Ids that it does not want.
    pub exclude: &'a [String],
    /// Reports count for half after this time, and for less after more.
    pub stale_after: Duration,
}

/// Where to go.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// To these, by their place in the table, in this order.
    To(Vec<Choice>),
    /// Nowhere: none would answer in time.
    TooLate,
    /// Nowhere: there is none.
    Nobody,
}

/// An endpoint and what to expect of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Its place in [`Table::endpoints`].
    pub index: usize,
    /// How long a request would wait, in microseconds.
    pub wait_us: f32,
    /// Median time in the model server, in microseconds.
    pub p50_us: f32,
    /// 95th percentile of it, in microseconds.
    pub p95_us: f32,
    /// Until the answer, half of the time, in microseconds.
    completion_us: f32,
    rank: Rank,
}

/// How far an endpoint may be trusted with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Good,
    /// Not heard of lately, or failing.
    Doubtful,
    /// It takes no new work.
    Closed,
}

/// The order for one device, which is then counted as on its way to the first of it.
pub fn resolve(table: &mut Table, now: Instant, random: u64, query: &Query<'_>) -> Order {
    let mut all = candidates(table, now, query);
    if all.is_empty() {
        return Order::Nobody;
    }
    let deadline_us = query.deadline.as_secs_f32() * 1e6;
    // What takes longer half of the time is no answer in time; whether 95 of 100 would be is the device's to judge.
    all.retain(|choice| choice.completion_us <= deadline_us);
    let order = spread(all, random);
    let Some(first) = order.first() else { return Order::TooLate };
    table.lead_to(now, first.index);
    Order::To(order)
}

fn candidates(table: &Table, now: Instant, query: &Query<'_>) -> Vec<Choice> {
    let mean = Mean::over(table.endpoints());
    let (transmit_us, round_trips) = (transmit_us(query), RoundTrips::of(table, query));
    let stale_after = query.stale_after.as_secs_f32().max(0.001);
    let mut all = Vec::with_capacity(table.endpoints().len());
    for (index, endpoint) in table.endpoints().iter().enumerate() {
        if !is_wanted(endpoint, query) {
            continue;
        }
        let standing = &endpoint.standing;
        let trust = trust(standing, now, stale_after);
        let known = |own: f32, mean: f32| if own > 0.0 { own } else { mean };
        let p50_us = known(standing.p50_us, mean.p50_us);
        let unseen_us = endpoint.unseen(now) * p50_us / standing.slots.max(1.0);
        let wait_us = mean.wait_us + trust * (standing.wait_us - mean.wait_us) + unseen_us;
        let tries = 1.0 / (1.0 - standing.failing.min(FAILING_MAX));
        let once_us = round_trips.us(index, endpoint, query.zone) + transmit_us + wait_us + p50_us;
        let p95_us = known(standing.p95_us, mean.p95_us).max(p50_us);
        all.push(Choice {
            index,
            wait_us,
            p50_us,
            p95_us,
            completion_us: once_us * tries,
            rank: rank(standing),
        });
    }
    all
}

fn is_wanted(endpoint: &Endpoint, query: &Query<'_>) -> bool {
    let identity = &endpoint.identity;
    let serves = |digest| identity.digest.as_ref().is_none_or(|own| own == digest);
    !identity.url.is_empty() && query.digest.is_none_or(serves) && !query.exclude.contains(&identity.id)
}

/// Fills the answer place by place: of the near-equals that are left two by chance, and of those the shorter queue.
fn spread(mut all: Vec<Choice>, mut random: u64) -> Vec<Choice> {
    let mut chosen = Vec::with_capacity(ROUTES_MAX);
    let mut near = nearest(&mut all);
    // Behind the first near-equals come the best of the rest, and no more of them than there are places.
    if all.len() > ROUTES_MAX {
        all.select_nth_unstable_by(ROUTES_MAX, order);
        all.truncate(ROUTES_MAX);
    }
    while chosen.len() < ROUTES_MAX && !near.is_empty() {
        let mut draw = |below: usize| (next(&mut random) % below as u64) as usize;
        let a = draw(near.len());
        // Another one, where there is one.
        let b = (a + 1 + draw(near.len().max(2) - 1)) % near.len();
        chosen.push(near.swap_remove(if near[b].wait_us < near[a].wait_us { b } else { a }));
        if near.is_empty() {
            near = nearest(&mut all);
        }
    }
    chosen
}

/// Takes out the best and its near-equals.
fn nearest(all: &mut Vec<Choice>) -> Vec<Choice> {
    let Some(best) = all.iter().min_by(|a, b| order(a, b)).copied() else { return Vec::new() };
    let limit_us = (best.completion_us * NEAR_FACTOR).max(best.completion_us + NEAR_US);
    let is_near = |choice: &mut Choice| choice.rank == best.rank && choice.completion_us <= limit_us;
    all.extract_if(.., is_near).collect()
}

fn order(a: &Choice, b: &Choice) -> Ordering {
    a.rank.cmp(&b.rank).then(a.completion_us.total_cmp(&b.completion_us))
}

fn rank(standing: &Standing) -> Rank {
    if standing.is_closed {
        Rank::Closed
    } else if standing.is_silent || standing.failing > FAILING_MAX {
        Rank::Doubtful
    } else {
        Rank::Good
    }
}

/// 1 for what was just heard, a half after `stale_after`, a fifth after twice that; 0 for what never was. Without an
/// exponential, which would take longer than all else.
fn trust(standing: &Standing, now: Instant, stale_after: f32) -> f32 {
    let Some(heard) = standing.heard else { return 0.0 };
    let age = now.saturating_duration_since(heard).as_secs_f32() / stale_after;
    1.0 / (1.0 + age * age)
}

fn transmit_us(query: &Query<'_>) -> f32 {
    let measured = query.observed.iter().filter_map(|seen| seen.uplink_kilobits_per_second);
    // The radio is the same whichever endpoint is dialled.
    let uplink = measured.filter(|uplink| *uplink > 0.0).fold(f32::NAN, f32::max);
    let uplink = if uplink.is_nan() { UPLINK_KILOBITS } else { uplink };
    query.bytes as f32 * 8_000.0 / uplink
}

/// Round trips, in microseconds.
struct RoundTrips {
    /// Those that the device measured, by place in the table.
    measured: Vec<(usize, f32)>,
    at_site: f32,
    elsewhere: f32,
}

impl RoundTrips {
    fn of(table: &Table, query: &Query<'_>) -> Self {
        let of = |seen: &wire::routes::Observed| {
            let measured = seen.rtt_milliseconds.filter(|rtt| rtt.is_finite() && *rtt >= 0.0)?;
            Some((table.find(&seen.endpoint_id)?, measured * 1000.0))
        };
        let mut measured: Vec<(usize, f32)> = query.observed.iter().filter_map(of).collect();
        measured.sort_unstable_by_key(|(index, _)| *index);
        let nearest = measured.iter().map(|(_, us)| *us).fold(f32::INFINITY, f32::min);
        let (at_site, elsewhere) = ROUND_TRIP_US;
        let further = elsewhere - at_site;
        let at_site = if nearest.is_finite() { nearest } else { at_site };
        Self { measured, at_site, elsewhere: at_site + further }
    }

    fn us(&self, index: usize, endpoint: &Endpoint, zone: &str) -> f32 {
        if let Ok(at) = self.measured.binary_search_by_key(&index, |(index, _)| *index) {
            return self.measured[at].1;
        }
        let own = &endpoint.identity.zone;
        if zone.is_empty() || own.is_empty() || own == zone { self.at_site } else { self.elsewhere }
    }
}

/// Means over the endpoints that were heard of: they stand in where nothing is known, so that what is unknown looks neither
/// idle nor saturated.
struct Mean {
    wait_us: f32,
    p50_us: f32,
    p95_us: f32,
}

impl Mean {
    fn over(endpoints: &[Endpoint]) -> Self {
        let (mut waits, mut heard) = (0.0, 0.0);
        let (mut p50s, mut p95s, mut measured) = (0.0, 0.0, 0.0);
        for standing in endpoints.iter().map(|endpoint| &endpoint.standing) {
            if standing.heard.is_some() && !standing.is_silent {
                (waits, heard) = (waits + standing.wait_us, heard + 1.0);
            }
            if standing.p50_us > 0.0 {
                (p50s, p95s, measured) = (p50s + standing.p50_us, p95s + standing.p95_us, measured + 1.0);
            }
        }
        let of = |sum: f32, count: f32, guess: f32| if count > 0.0 { sum / count } else { guess };
        Self {
            wait_us: of(waits, heard, 0.0),
            p50_us: of(p50s, measured, SERVICE_US),
            p95_us: of(p95s, measured, SERVICE_US),
        }
    }
}

#[cfg(test)]
mod tests;
