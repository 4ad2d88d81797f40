//! What a device knows of one endpoint: distance, uplink, load, and whether it answers at all.

use std::num::NonZeroU8;

use wire::LoadReport;

use super::breaker::Breaker;
use super::estimate::{Estimate, Forecast, P95_DEVIATIONS};
use super::fleet::FleetMean;
use super::uplink::Uplink;
use super::when::When;

/// Index of an endpoint in its model's table; stable as long as the endpoint is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub u8);

/// Round trip assumed until one was measured: a site on the same metropolitan network.
const ROUND_TRIP_GUESS: Estimate = Estimate::guess(10_000.0, 3_000.0);

/// A round trip counts as at most this many times the mean so far ...
const OUTLIER_FACTOR: f32 = 4.0;

/// ... and this much, in microseconds: a probe that met a paused node must not make the node look far away.
const OUTLIER_EXTRA_US: f32 = 10_000.0;

/// An upload that takes less shows no link that fades, in microseconds.
const FADES_FROM_US: f32 = 10_000.0;

/// Least and most that an endpoint is taken to make wait that refused for want of room, in microseconds. Enough to prefer
/// another one, and not so much that a whole fleet which was full for a moment looks too slow to ask.
const FULL_US: (f32, f32) = (5_000.0, 100_000.0);

/// Between two questions to an endpoint that is leaving, in microseconds.
const LEAVING_US: u64 = 1_000_000;

/// What an endpoint said about itself with an answer or a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadSeen {
    /// Expected wait of a request that arrives at once, in microseconds.
    pub wait_us: f32,
    /// 95th percentile of the time in the model server, in microseconds; 0 when unknown.
    pub service_p95_us: f32,
    /// The endpoint is leaving.
    pub draining: bool,
}

impl From<&LoadReport> for LoadSeen {
    fn from(report: &LoadReport) -> Self {
        let named = &report.named_metrics;
        // Numbers from outside: a negative or absurd one must not make an endpoint look free or dead for ever.
        let micros = |milliseconds: f64| (milliseconds.clamp(0.0, 60_000.0) * 1_000.0) as f32;
        Self {
            wait_us: micros(named.estimated_wait_ms),
            service_p95_us: micros(named.service_p95_ms),
            draining: named.draining > 0.0,
        }
    }
}

/// Times of one answered request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// From handing the request to the network until the answer, in microseconds.
    pub total_us: u64,
    /// Of that, waiting in the sidecar.
    pub queue_us: u64,
    /// Of that, in the model server.
    pub service_us: u64,
    /// Length of the request body, in bytes.
    pub bytes: u32,
}

/// The state of one endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Endpoint {
    /// Whether requests may go there.
    pub breaker: Breaker,
    round_trip_us: Estimate,
    pub(super) uplink: Uplink,
    pub(super) wait_us: f32,
    /// 95th percentile of the time in the model server as told, or as first seen where none is told; 0 when unknown.
    pub(super) service_us: f32,
    /// The same as the bundle tells it, until the endpoint does and where its word is old; 0 when unknown.
    service_told_us: f32,
    /// Measured times in the model server as a share of that: a told change counts before the next request measures it.
    service_share: Estimate,
    signs: Signs,
    /// When the endpoint last told its load.
    pub(super) load_at: Option<When>,
    /// When anything was last heard or asked, for the prober.
    asked_at: Option<When>,
    /// This device's own requests there.
    in_flight: u16,
}

impl Endpoint {
    /// An endpoint of which nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            breaker: Breaker::default(),
            round_trip_us: ROUND_TRIP_GUESS,
            uplink: Uplink::unknown(),
            wait_us: 0.0,
            service_us: 0.0,
            service_told_us: 0.0,
            service_share: Estimate::guess(1.0, 0.0),
            signs: Signs::NONE,
            load_at: None,
            asked_at: None,
            in_flight: 0,
        }
    }

    /// How long a request of this size would take, from sending to the answer.
    #[must_use]
    pub fn forecast(&self, ask: &Ask) -> Forecast {
        let Parts { round_trip_us, transmit_us, queue_us, service_us, told_us } = self.parts(ask);
        let upload_deviation_us = transmit_us * self.uplink.spread(ask.now_us);
        // A few quick answers must not hide the tail that the endpoint tells: who leaves it for a long piece of work has that
        // work begun anew elsewhere.
        let tail_us = if self.signs.has(Signs::TELLS_SERVICE) { told_us - service_us } else { 0.0 };
        let service_deviation_us =
            (service_us * self.service_share.deviation()).max(tail_us * (1.0 / P95_DEVIATIONS));
        Forecast {
            mean_us: round_trip_us + transmit_us + queue_us + service_us,
            deviation_us: spread([upload_deviation_us, self.round_trip_us.deviation(), service_deviation_us]),
            transmit_us,
            queue_us,
        }
    }

    /// The mean of that, and the part of it spent behind other requests, in microseconds.
    #[inline]
    pub(super) fn mean_us(&self, ask: &Ask) -> (f32, f32) {
        let Parts { round_trip_us, transmit_us, queue_us, service_us, .. } = self.parts(ask);
        (round_trip_us + transmit_us + queue_us + service_us, queue_us)
    }

    #[inline]
    fn parts(&self, ask: &Ask) -> Parts {
        let (wait_us, told_us) = self.load(ask);
        // Own requests count at once: the endpoint's report of them is still on its way.
        let ahead_us = f32::from(self.in_flight) * told_us;
        Parts {
            round_trip_us: self.round_trip_us.mean(),
            transmit_us: ask.kibibytes * self.uplink.kibibyte_us(ask.now_us, ask.fleet.kibibyte_us),
            queue_us: wait_us + ahead_us,
            service_us: told_us * self.service_share.mean(),
            told_us,
        }
    }

    /// The wait and the time in the model server, as told. Once stale, they give way to what is usual over one more
    /// staleness time.
    #[inline]
    fn load(&self, ask: &Ask) -> (f32, f32) {
        // The rule; this short way for it saves a quarter of a pick.
        if self.service_us > 0.0 && self.load_at.is_some_and(|at| ask.fresh_from <= at) {
            return (self.wait_us, self.service_us);
        }
        let known = |own_us: f32, else_us: f32| if own_us > 0.0 { own_us } else { else_us };
        let usual_us = known(self.service_told_us, ask.fleet.service_us);
        let told_us = known(self.service_us, usual_us);
        let Some(at) = self.load_at else { return (ask.fleet.wait_us, usual_us) };
        let overdue_us = at.rough_age_us(ask.fresh_from.us());
        let own = 1.0 - (overdue_us * ask.fading_per_us).clamp(0.0, 1.0);
        (mix(self.wait_us, ask.fleet.wait_us, own), mix(told_us, usual_us, own))
    }

    /// Whether it answered this device and did not fail since.
    #[must_use]
    pub const fn is_answering(&self) -> bool {
        self.breaker.is_closed() && self.signs.has(Signs::ANSWERED)
    }

    /// It said that it leaves. It still serves, and another one is better.
    #[inline]
    pub(super) const fn is_leaving(&self) -> bool {
        self.signs.has(Signs::LEAVING)
    }

    /// A request left for this endpoint.
    pub fn sent(&mut self) {
        self.in_flight = self.in_flight.saturating_add(1);
    }

    /// A request to this endpoint is over, whatever its end.
    pub fn returned(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// This device's own requests there.
    #[must_use]
    pub const fn in_flight(&self) -> u16 {
        self.in_flight
    }

    /// Learns network times from an answered request. True when that shows that the link has begun to fade.
    pub fn measured(&mut self, now_us: u64, exchange: Exchange) -> bool {
        let at_edge_us = exchange.queue_us.saturating_add(exchange.service_us);
        let network_us = exchange.total_us.saturating_sub(at_edge_us) as f32;
        let kibibytes = exchange.bytes as f32 / 1_024.0;
        // What carries next to nothing takes a round trip, and nothing takes less than one.
        let shows_distance = kibibytes < 1.0 || network_us < self.round_trip_us.mean();
        if 0 < exchange.service_us && shows_distance {
            self.round_trip(network_us as u64);
        }
        let upload_us = (network_us - self.round_trip_us.mean()).max(network_us / 16.0);
        let faded = self.signs.has(Signs::FADES);
        if kibibytes >= 1.0 {
            self.uplink.add(now_us, upload_us / kibibytes);
            let is_slow = faded || FADES_FROM_US < upload_us;
            self.signs.set(Signs::FADES, is_slow && self.uplink.is_fading(faded));
        }
        if self.service_us == 0.0 {
            self.service_us = exchange.service_us as f32;
        }
        if self.service_us > 0.0 && exchange.service_us > 0 {
            self.service_share.add(exchange.service_us as f32 / self.service_us);
        }
        !faded && self.signs.has(Signs::FADES)
    }

    /// Learns from a request of `bytes` that was given up after this time without an answer.
    pub fn outlasted(&mut self, now_us: u64, bytes: u32, waited_us: u64) {
        let kibibytes = bytes as f32 / 1_024.0;
        // Behind others or long in the model server is what it said that it may be: the rest is the link's.
        let service_us = self.service_us * self.service_share.mean().max(1.0);
        let upload_us = waited_us as f32 - self.round_trip_us.mean() - self.wait_us - service_us;
        if kibibytes >= 1.0 && upload_us > 0.0 {
            self.uplink.at_least(now_us, upload_us / kibibytes);
        }
    }

    /// Learns the round trip from an exchange that carries next to nothing.
    pub fn round_trip(&mut self, microseconds: u64) {
        let limit_us = self.round_trip_us.mean() * OUTLIER_FACTOR + OUTLIER_EXTRA_US;
        self.round_trip_us.add((microseconds as f32).min(limit_us));
    }

    /// Learns what the bundle tells of its time in the model server: the 95th percentile in microseconds, 0 for nothing.
    pub fn service_told(&mut self, p95_us: f32) {
        self.service_told_us = p95_us;
    }

    /// Learns the load.
    pub fn told(&mut self, now_us: u64, load: LoadSeen) {
        self.wait_us = load.wait_us;
        if load.service_p95_us > 0.0 {
            self.service_us = load.service_p95_us;
            self.signs.set(Signs::TELLS_SERVICE, true);
        }
        self.signs.set(Signs::LEAVING, load.draining);
        self.load_at = Some(When::at(now_us));
        self.signs.set(Signs::ANSWERED, true);
        self.asked_at = Some(When::at(now_us));
    }

    /// Learns the load as another endpoint told it. What this one said itself later stays, and it is no sign of life.
    pub(super) fn routed(&mut self, at_us: u64, load: LoadSeen) {
        let at = When::at(at_us);
        if self.load_at.is_none_or(|known| known < at) {
            self.wait_us = load.wait_us;
            if load.service_p95_us > 0.0 {
                self.service_us = load.service_p95_us;
                self.signs.set(Signs::TELLS_SERVICE, true);
            }
            self.load_at = Some(at);
        }
    }

    /// The device is at another place: the round trip begins anew with the next exchange, which is due at once.
    pub(super) fn moved(&mut self) {
        self.round_trip_us = Estimate::guess(self.round_trip_us.mean(), self.round_trip_us.deviation());
        self.asked_at = None;
    }

    /// The prober should ask now, unless it did within so many microseconds.
    pub(super) fn wake(&mut self, now_us: u64, every_us: u64) {
        self.asked_at = self.asked_at.filter(|at| at.age_us(now_us) < every_us);
    }

    /// Mean round trip, in microseconds, once one was measured.
    #[must_use]
    pub fn measured_round_trip_us(&self) -> Option<f32> {
        self.round_trip_us.is_measured().then(|| self.round_trip_us.mean())
    }

    /// The uplink, in kbit/s, once it was measured.
    #[must_use]
    pub fn measured_uplink_kilobits(&self, now_us: u64) -> Option<f32> {
        self.uplink.is_known().then(|| 8_192_000.0 / self.uplink.kibibyte_us(now_us, 0.0))
    }

    /// It had no room for a request. If it says that it is no fuller than it was expected to be, that is not believed, or it
    /// would be the first choice again and again.
    pub fn was_full(&mut self, expected_us: f32) {
        if self.wait_us <= expected_us {
            self.wait_us = (2.0 * expected_us).clamp(FULL_US.0, FULL_US.1);
        }
    }

    /// A probe left for this endpoint.
    pub fn asked(&mut self, now_us: u64) {
        self.asked_at = Some(When::at(now_us));
    }

    /// Whether the prober should ask: its breaker waits for a probe, or nothing was heard for `quiet_us`, or the one that
    /// wanted to leave may be another one by now.
    #[must_use]
    pub fn probe_is_due(&self, now_us: u64, quiet_us: u64) -> bool {
        if !self.breaker.is_closed() {
            return self.breaker.probe_is_due(now_us);
        }
        let quiet_us = if self.is_leaving() { LEAVING_US } else { quiet_us };
        self.asked_at.is_none_or(|at| at.us() + quiet_us <= now_us)
    }
}

/// What is true of an endpoint, as bits: with a byte for each the state of sixteen would not fit. One bit is always set, so
/// that an `Option` of an endpoint needs no byte of its own either.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Signs(NonZeroU8);

impl Signs {
    const NONE: Self = Self(NonZeroU8::MIN);
    /// It said that it leaves.
    const LEAVING: u8 = 2;
    /// It told its load itself: what others say of it is no sign of life.
    const ANSWERED: u8 = 4;
    /// The time in its model server was told, and not only seen.
    const TELLS_SERVICE: u8 = 8;
    /// The link is a good deal slower than it usually is.
    const FADES: u8 = 16;

    #[inline]
    const fn has(self, sign: u8) -> bool {
        self.0.get() & sign != 0
    }

    fn set(&mut self, sign: u8, is_so: bool) {
        self.0 = NonZeroU8::MIN | if is_so { self.0.get() | sign } else { self.0.get() & !sign };
    }
}

/// What a forecast is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The time, in microseconds.
    pub now_us: u64,
    /// Length of the request body, in KiB.
    pub kibibytes: f32,
    /// What stands in for what is not known of an endpoint.
    pub fleet: FleetMean,
    /// Load reports from before this count less, ...
    pub fresh_from: When,
    /// ... by this share for each microsecond.
    pub fading_per_us: f32,
}

struct Parts {
    round_trip_us: f32,
    transmit_us: f32,
    queue_us: f32,
    service_us: f32,
    told_us: f32,
}

/// Of independent times together. Not `hypot`: overflow is no concern here, and it is many times slower.
fn spread([a, b, c]: [f32; 3]) -> f32 {
    (a * a + b * b + c * c).sqrt()
}

#[inline]
fn mix(own: f32, fleet: f32, own_share: f32) -> f32 {
    own_share * own + (1.0 - own_share) * fleet
}
