//! What a device knows of one endpoint: distance, uplink, load, and whether it answers at all.

use wire::LoadReport;

use super::breaker::Breaker;
use super::estimate::{Estimate, Forecast};
use super::fleet::FleetMean;

/// Index of an endpoint in its model's table; stable as long as the endpoint is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub u8);

/// Round trip assumed until one was measured: a site on the same metropolitan network.
const ROUND_TRIP_GUESS: Estimate = Estimate::guess(10_000.0, 3_000.0);

/// An upload rate measured longer ago than this says nothing any more, in microseconds. Without a limit one bad moment
/// would keep a device from ever trying the edge again.
const UPLOAD_STALE_US: u64 = 20_000_000;

/// A round trip counts as at most this many times the mean so far ...
const OUTLIER_FACTOR: f32 = 4.0;

/// ... and this much, in microseconds: a probe that met a paused node must not make the node look far away.
const OUTLIER_EXTRA_US: f32 = 10_000.0;

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
    kibibyte_us: Estimate,
    /// When an upload was last measured.
    upload_at_us: Option<u64>,
    pub(super) wait_us: f32,
    pub(super) service_us: f32,
    /// It said that it leaves. It still serves, and another one is better.
    pub(super) is_leaving: bool,
    /// When the endpoint last told its load.
    pub(super) load_at_us: Option<u64>,
    /// When anything was last heard or asked, for the prober.
    asked_at_us: Option<u64>,
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
            kibibyte_us: Estimate::guess(0.0, 0.0),
            upload_at_us: None,
            wait_us: 0.0,
            service_us: 0.0,
            is_leaving: false,
            load_at_us: None,
            asked_at_us: None,
            in_flight: 0,
        }
    }

    /// How long a request of `bytes` would take, from sending to the answer.
    #[must_use]
    pub fn forecast(&self, now_us: u64, bytes: u32, fleet: FleetMean, stale_after_us: u64) -> Forecast {
        let kibibytes = bytes as f32 / 1_024.0;
        let own = self.freshness(now_us, stale_after_us);
        let service_us = if self.service_us > 0.0 {
            mix(self.service_us, fleet.service_us, own)
        } else {
            fleet.service_us
        };
        // Own requests count at once: the endpoint's report of them is still on its way.
        let ahead_us = f32::from(self.in_flight) * service_us;
        let queue_us = mix(self.wait_us, fleet.wait_us, own) + ahead_us;
        let upload = self.upload(now_us).unwrap_or(fleet.kibibyte_us);
        let transmit_us = kibibytes * upload.mean();
        let upload_deviation_us = kibibytes * upload.deviation();
        let round_trip_deviation_us = self.round_trip_us.deviation();
        Forecast {
            mean_us: self.round_trip_us.mean() + transmit_us + queue_us + service_us,
            deviation_us: spread(upload_deviation_us, round_trip_deviation_us),
            transmit_us,
            queue_us,
        }
    }

    /// 1 for a fresh load report, falling to 0 over one more staleness time once it is stale.
    fn freshness(&self, now_us: u64, stale_after_us: u64) -> f32 {
        let Some(at_us) = self.load_at_us else { return 0.0 };
        let age_us = now_us.saturating_sub(at_us);
        let overdue_us = age_us.saturating_sub(stale_after_us);
        1.0 - (overdue_us as f32 / stale_after_us.max(1) as f32).min(1.0)
    }

    /// The time to send one KiB, as long as its measurement is worth something.
    pub(super) fn upload(&self, now_us: u64) -> Option<Estimate> {
        let at_us = self.upload_at_us?;
        (now_us <= at_us + UPLOAD_STALE_US).then_some(self.kibibyte_us)
    }

    /// Whether it told its load and did not fail since.
    #[must_use]
    pub const fn is_answering(&self) -> bool {
        self.breaker.is_closed() && self.load_at_us.is_some()
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

    /// Learns network times from an answered request.
    pub fn measured(&mut self, now_us: u64, exchange: Exchange) {
        let at_edge_us = exchange.queue_us.saturating_add(exchange.service_us);
        let network_us = exchange.total_us.saturating_sub(at_edge_us) as f32;
        let kibibytes = exchange.bytes as f32 / 1_024.0;
        let upload_us = (network_us - self.round_trip_us.mean()).max(network_us / 16.0);
        if kibibytes >= 1.0 {
            if self.upload(now_us).is_none() {
                self.kibibyte_us = Estimate::guess(0.0, 0.0);
            }
            self.kibibyte_us.add(upload_us / kibibytes);
            self.upload_at_us = Some(now_us);
        }
        if self.service_us == 0.0 {
            self.service_us = exchange.service_us as f32;
        }
    }

    /// Learns the round trip from an exchange that carries next to nothing.
    pub fn round_trip(&mut self, microseconds: u64) {
        let limit_us = self.round_trip_us.mean() * OUTLIER_FACTOR + OUTLIER_EXTRA_US;
        self.round_trip_us.add((microseconds as f32).min(limit_us));
    }

    /// Learns the load.
    pub fn told(&mut self, now_us: u64, load: LoadSeen) {
        self.wait_us = load.wait_us;
        if load.service_p95_us > 0.0 {
            self.service_us = load.service_p95_us;
        }
        self.is_leaving = load.draining;
        self.load_at_us = Some(now_us);
        self.asked_at_us = Some(now_us);
    }

    /// A probe left for this endpoint.
    pub fn asked(&mut self, now_us: u64) {
        self.asked_at_us = Some(now_us);
    }

    /// Whether the prober should ask: its breaker waits for a probe, or nothing was heard for `quiet_us`, or the one that
    /// wanted to leave may be another one by now.
    #[must_use]
    pub fn probe_is_due(&self, now_us: u64, quiet_us: u64) -> bool {
        if !self.breaker.is_closed() {
            return self.breaker.probe_is_due(now_us);
        }
        let quiet_us = if self.is_leaving { LEAVING_US } else { quiet_us };
        self.asked_at_us.is_none_or(|at_us| at_us + quiet_us <= now_us)
    }
}

/// Of two independent times together. Not `hypot`: overflow is no concern here, and it is many times slower.
fn spread(a: f32, b: f32) -> f32 {
    (a * a + b * b).sqrt()
}

fn mix(own: f32, fleet: f32, own_share: f32) -> f32 {
    own_share * own + (1.0 - own_share) * fleet
}
