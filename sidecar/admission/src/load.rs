//! How loaded an endpoint is: what was measured, and the report made of it. In: durations and endings. Out: what
//! admission and devices need to know.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use wire::{LoadReport, Outcome, bundle::ServiceTimes, load::NamedMetrics, priority};

use crate::{
    admit::{self, Measured, Situation},
    line::{Ask, View},
    measure::{Rate, Recent},
    party::Party,
};

/// How much work is let in.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Requests inside the model server at once.
    pub concurrency: u32,
    /// Requests that wait at most.
    pub queue_max: u32,
    /// For requests that name no deadline.
    pub timeout_default: Duration,
    /// Longer deadlines are shortened to this.
    pub timeout_max: Duration,
    /// Longest body.
    pub payload_bytes_max: u64,
}

/// What a load report says that admission does not know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings {
    /// Share of the processors in use.
    pub processor: f64,
    /// Share of the memory in use.
    pub memory: f64,
    /// Whether the endpoint is about to leave.
    pub is_leaving: bool,
    /// Whether the model answers.
    pub is_ready: bool,
}

/// What the last requests cost.
#[derive(Debug, Default)]
pub struct Load {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Until the answer began.
    service: Recent,
    /// Until the slot was free again.
    held: Recent,
    requests: Rate,
    errors: Rate,
}

impl Load {
    /// An answer began.
    pub fn served(&self, now: Instant, service: Duration) {
        self.lock().service.record(now, service);
    }

    /// A request expired inside the server after `elapsed`. It counts double: it would have taken longer, and a server that
    /// became slower than every deadline would be asked again and again if it seemed to be just in time.
    pub fn expired(&self, now: Instant, elapsed: Duration) {
        self.served(now, 2 * elapsed);
    }

    /// A slot was taken for this long.
    pub fn held(&self, now: Instant, held: Duration) {
        self.lock().held.record(now, held);
    }

    /// A request went to the server. Those that were refused do not count: a balancer that weighs by this number would
    /// send the more to an endpoint the more it refuses.
    pub fn sent(&self, now: Instant) {
        self.lock().requests.record(now);
    }

    /// A request ended.
    pub fn ended(&self, now: Instant, outcome: Outcome) {
        if matches!(outcome, Outcome::Expired | Outcome::UpstreamFailed) {
            self.lock().errors.record(now);
        }
    }

    /// What admission predicts from; `None` before the first measurement.
    pub fn measured(&self) -> Option<Measured> {
        let inner = self.lock();
        let p95 = inner.service.percentile(95)?;
        Some(Measured { mean: inner.held.mean().unwrap_or(p95), p95, at: inner.service.last()? })
    }

    /// Median time until an answer begins; zero before the first measurement.
    pub fn median(&self) -> Duration {
        self.lock().service.percentile(50).unwrap_or_default()
    }

    /// A claim's place in the line: starting stops making sense when not even half of all requests would still end in
    /// time.
    pub fn ask(&self, claim: &Claim) -> Ask {
        let start_by = claim.deadline.checked_sub(self.median()).unwrap_or(claim.deadline);
        Ask { party: claim.party.clone(), priority: claim.priority, start_by }
    }

    /// What the policy bundle says; `None` before the first measurement.
    pub fn service_times(&self) -> Option<ServiceTimes> {
        let inner = self.lock();
        let micros = |percent| inner.service.percentile(percent).map(microseconds);
        Some(ServiceTimes { p50_microseconds: micros(50)?, p95_microseconds: micros(95)? })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A duration for a header.
pub fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Who asks, how urgently, and until when.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Whom it counts for.
    pub party: Party,
    /// 1 goes first.
    pub priority: u8,
    /// When the device stops waiting.
    pub deadline: Instant,
}

impl Claim {
    /// A newcomer without a wish.
    #[must_use]
    pub fn anyone(bounds: &Bounds, now: Instant) -> Self {
        Self { party: Party::Rest, priority: priority::DEFAULT, deadline: now + bounds.timeout_default }
    }
}

/// The situation of a request that arrives at `now`; `view` is the line's ([`crate::line::Line::view`]).
pub fn predict(
    load: &Load,
    bounds: &Bounds,
    now: Instant,
    claim: &Claim,
    payload_bytes: Option<u64>,
    view: impl FnOnce(&Ask, Duration) -> View,
) -> Situation {
    let measured = load.measured();
    let mean = measured.map_or(Duration::ZERO, |measured| measured.mean);
    let view = view(&load.ask(claim), mean);
    Situation {
        now,
        deadline: claim.deadline,
        payload_bytes,
        payload_bytes_max: bounds.payload_bytes_max,
        running: view.running,
        concurrency: bounds.concurrency,
        queued: view.queued,
        ahead: view.ahead,
        is_full: view.is_full,
        excess: view.excess,
        work_left: view.work_left,
        measured,
        arrival: None,
    }
}

/// The report as of `situation.now`, made for [`Claim::anyone`].
pub fn report(load: &Load, bounds: &Bounds, situation: &Situation, around: Surroundings) -> LoadReport {
    let now = situation.now;
    let wait = admit::wait(situation);
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let inner = load.lock();
    let percentile = |percent| inner.service.percentile(percent).map_or(0.0, milliseconds);
    LoadReport {
        application_utilization: (f64::from(situation.running) / f64::from(situation.concurrency))
            .max(wait.as_secs_f64() / bounds.timeout_default.as_secs_f64()),
        rps_fractional: round(inner.requests.at(now)),
        eps: round(inner.errors.at(now)),
        cpu_utilization: round(around.processor),
        mem_utilization: round(around.memory),
        named_metrics: NamedMetrics {
            in_flight: situation.running.into(),
            queued: situation.queued.into(),
            estimated_wait_ms: round(milliseconds(wait)),
            service_p50_ms: round(percentile(50)),
            service_p95_ms: round(percentile(95)),
            draining: f64::from(u8::from(around.is_leaving)),
            not_ready: f64::from(u8::from(!around.is_ready)),
        },
    }
}

/// Three decimals: nobody needs the radio to carry seventeen.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
