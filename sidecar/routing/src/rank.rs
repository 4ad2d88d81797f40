//! The order in which a device should try the endpoints. In: the table, what the device says of itself, chance. Out: a few
//! endpoints, the first of them by the power of two among near-equals: always the best one would send a whole fleet to the
//! node that looked idle a second ago.

use std::time::{Duration, Instant};

use wire::Digest;

use crate::{
    next,
    table::{Endpoint, Glance, Mean, Rank, Table, Tag},
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
}

/// The order for one device, which is then counted as on its way to the first of it.
pub fn resolve(table: &mut Table, now: Instant, random: u64, query: &Query<'_>) -> Order {
    let outlook = Outlook::new(table, now, query);
    let mut keys = outlook.keys();
    match keys.iter().min() {
        None | Some(&Key::UNWANTED) => return Order::Nobody,
        Some(&Key::TOO_LATE) => return Order::TooLate,
        Some(_) => {}
    }
    let order = spread(&mut keys, random, |index| outlook.wait_us(&outlook.endpoints[index].glance));
    let choices: Vec<Choice> = order.into_iter().map(|index| outlook.choice(index)).collect();
    table.lead_to(now, choices[0].index);
    Order::To(choices)
}

/// An endpoint's place in the order as one number: its rank, then the time until its answer, then where it stands in the
/// table. A question makes and compares as many as there are endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    /// None that the device asked for.
    const UNWANTED: Self = Self(u64::MAX);
    /// It would not answer in time.
    const TOO_LATE: Self = Self(u64::MAX - 1);
    const INDEX_BITS: u32 = 30;

    /// Times are not negative: they sort as their bits do.
    fn new(rank: Rank, completion_us: f32, index: usize) -> Self {
        let time = u64::from(completion_us.to_bits()) << Self::INDEX_BITS;
        Self((rank as u64) << (Self::INDEX_BITS + 32) | time | index as u64)
    }

    const fn index(self) -> usize {
        (self.0 & ((1 << Self::INDEX_BITS) - 1)) as usize
    }

    /// The last of its near-equals.
    fn near(self) -> Self {
        let best_us = f32::from_bits((self.0 >> Self::INDEX_BITS) as u32);
        let limit_us = (best_us * NEAR_FACTOR).max(best_us + NEAR_US);
        let rank = self.0 >> (Self::INDEX_BITS + 32) << (Self::INDEX_BITS + 32);
        let time = u64::from(limit_us.to_bits()) << Self::INDEX_BITS;
        Self(rank | time | ((1 << Self::INDEX_BITS) - 1))
    }
}

/// The endpoints as one device sees them.
struct Outlook<'a> {
    endpoints: &'a [Endpoint],
    /// In seconds since the table began.
    now: f64,
    /// One by the time after which a report counts for half, in seconds.
    per_stale: f32,
    unseen_left: f32,
    deadline_us: f32,
    transmit_us: f32,
    round_trips: RoundTrips,
    /// Places in the table of what it does not want.
    excluded: Vec<usize>,
    site: Option<Tag>,
    file: Option<Tag>,
    mean: Mean,
}

impl<'a> Outlook<'a> {
    fn new(table: &'a Table, now: Instant, query: &Query<'_>) -> Self {
        let now = table.seconds(now);
        Self {
            endpoints: table.endpoints(),
            now,
            per_stale: 1.0 / query.stale_after.as_secs_f32().max(0.001),
            unseen_left: table.unseen_left(now),
            deadline_us: query.deadline.as_secs_f32() * 1e6,
            transmit_us: transmit_us(query),
            round_trips: RoundTrips::of(table, query),
            excluded: query.exclude.iter().filter_map(|id| table.find(id)).collect(),
            site: Tag::of(query.zone),
            file: query.digest.and_then(|digest| Tag::of(digest.as_str())),
            mean: table.mean(),
        }
    }

    /// One for each endpoint, in the order of the table.
    fn keys(&self) -> Vec<Key> {
        let RoundTrips { measured, at_site, elsewhere } = &self.round_trips;
        let assumed = |glance: &Glance| if glance.may_stand_at(self.site) { *at_site } else { *elsewhere };
        let all = self.endpoints.iter().map(|endpoint| &endpoint.glance).enumerate();
        let mut keys: Vec<Key> =
            all.map(|(index, glance)| self.key(index, glance, assumed(glance))).collect();
        for (index, round_trip_us) in measured {
            keys[*index] = self.key(*index, &self.endpoints[*index].glance, *round_trip_us);
        }
        for index in &self.excluded {
            keys[*index] = Key::UNWANTED;
        }
        keys
    }

    fn key(&self, index: usize, glance: &Glance, round_trip_us: f32) -> Key {
        if !glance.serves(self.file) {
            return Key::UNWANTED;
        }
        let p50_us = known(glance.p50_us, self.mean.p50_us);
        let once_us = round_trip_us + self.transmit_us + self.wait_us(glance) + p50_us;
        let completion_us = once_us * glance.tries;
        // What takes longer half of the time is no answer in time; whether 95 of 100 would be is the device's to judge.
        if completion_us <= self.deadline_us {
            Key::new(glance.rank(self.now), completion_us, index)
        } else {
            Key::TOO_LATE
        }
    }

    fn wait_us(&self, glance: &Glance) -> f32 {
        let p50_us = known(glance.p50_us, self.mean.p50_us);
        let unseen_us = glance.unseen * self.unseen_left * glance.slot * p50_us;
        self.mean.wait_us + self.trust(glance) * (glance.wait_us - self.mean.wait_us) + unseen_us
    }

    /// 1 for what was just heard, a half after `stale_after`, a fifth after twice that; 0 for what never was. Without an
    /// exponential, which would take longer than all else.
    fn trust(&self, glance: &Glance) -> f32 {
        let age = (self.now - glance.heard).max(0.0) as f32 * self.per_stale;
        1.0 / (1.0 + age * age)
    }

    fn choice(&self, index: usize) -> Choice {
        let Endpoint { standing, glance, .. } = &self.endpoints[index];
        let p50_us = known(standing.p50_us, self.mean.p50_us);
        let p95_us = known(standing.p95_us, self.mean.p95_us).max(p50_us);
        Choice { index, wait_us: self.wait_us(glance), p50_us, p95_us }
    }
}

const fn known(own: f32, mean: f32) -> f32 {
    if own > 0.0 { own } else { mean }
}

/// Fills the answer place by place: of the near-equals that are left two by chance, and of those the shorter queue.
fn spread(keys: &mut [Key], mut random: u64, wait_us: impl Fn(usize) -> f32) -> Vec<usize> {
    let mut chosen = Vec::with_capacity(ROUTES_MAX);
    let (mut near, mut rest) = nearest(keys);
    // Behind the first near-equals come the best of the rest, and no more of them than there are places.
    if near.len() < ROUTES_MAX && rest.len() > ROUTES_MAX {
        rest.select_nth_unstable(ROUTES_MAX);
        rest = &mut rest[..ROUTES_MAX];
    }
    while chosen.len() < ROUTES_MAX && !near.is_empty() {
        let mut draw = |below: usize| (next(&mut random) % below as u64) as usize;
        let a = draw(near.len());
        // Another one, where there is one.
        let b = (a + 1 + draw(near.len().max(2) - 1)) % near.len();
        let shorter = if wait_us(near[b].index()) < wait_us(near[a].index()) { b } else { a };
        let last = near.len() - 1;
        near.swap(shorter, last);
        chosen.push(near[last].index());
        near = &mut near[..last];
        if near.is_empty() {
            (near, rest) = nearest(rest);
        }
    }
    chosen
}

/// The best and its near-equals, which come to the front, and the others. None are near where none would be in time.
fn nearest(keys: &mut [Key]) -> (&mut [Key], &mut [Key]) {
    let mut count = 0;
    if let Some(best) = keys.iter().min().copied().filter(|best| *best < Key::TOO_LATE) {
        let last = best.near();
        for at in 0..keys.len() {
            if keys[at] <= last {
                keys.swap(at, count);
                count += 1;
            }
        }
    }
    keys.split_at_mut(count)
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
        let measured: Vec<(usize, f32)> = query.observed.iter().filter_map(of).collect();
        let nearest = measured.iter().map(|(_, us)| *us).fold(f32::INFINITY, f32::min);
        let (at_site, elsewhere) = ROUND_TRIP_US;
        let further = elsewhere - at_site;
        let at_site = if nearest.is_finite() { nearest } else { at_site };
        Self { measured, at_site, elsewhere: at_site + further }
    }
}

#[cfg(test)]
mod tests;
