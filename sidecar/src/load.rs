//! How loaded this endpoint is: what was measured, and the report made of it. In: durations and endings. Out: what
//! admission and devices need to know.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use wire::{LoadReport, Outcome, bundle::ServiceTimes, load::NamedMetrics};

use crate::{
    admit::{self, Measured, Situation},
    drain::Phase,
    endpoint::Endpoint,
    measure::{Rate, Recent},
};

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
    /// An answer began, or a request expired inside the server: then `service` is the least that it would have taken.
    pub fn served(&self, now: Instant, service: Duration) {
        self.lock().service.record(now, service);
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

/// The situation of a request that arrives at `now`.
pub fn situation(
    endpoint: &Endpoint,
    now: Instant,
    deadline: Instant,
    payload_bytes: Option<u64>,
) -> Situation {
    let measured = endpoint.load.measured();
    let mean = measured.map_or(Duration::ZERO, |measured| measured.mean);
    let view = endpoint.queue.view(now, start_by(endpoint, deadline), mean);
    let admission = &endpoint.config.admission;
    Situation {
        now,
        deadline,
        payload_bytes,
        payload_bytes_max: admission.payload_bytes_max,
        running: view.running,
        concurrency: admission.concurrency,
        queued: view.queued,
        ahead: view.ahead,
        queue_max: admission.queue_max,
        work_left: view.work_left,
        measured,
        arrival: None,
    }
}

/// When starting stops making sense: half of all requests would still end in time.
pub fn start_by(endpoint: &Endpoint, deadline: Instant) -> Instant {
    deadline.checked_sub(endpoint.load.median()).unwrap_or(deadline)
}

/// The report as of `now`.
pub fn report(endpoint: &Endpoint, now: Instant) -> LoadReport {
    let admission = &endpoint.config.admission;
    let situation = situation(endpoint, now, now + admission.timeout_default, None);
    let wait = admit::wait(&situation);
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let usage = endpoint.usage.at(now);
    let inner = endpoint.load.lock();
    let percentile = |percent| inner.service.percentile(percent).map_or(0.0, milliseconds);
    LoadReport {
        application_utilization: (f64::from(situation.running) / f64::from(situation.concurrency))
            .max(wait.as_secs_f64() / admission.timeout_default.as_secs_f64()),
        rps_fractional: round(inner.requests.at(now)),
        eps: round(inner.errors.at(now)),
        cpu_utilization: round(usage.processor),
        mem_utilization: round(usage.memory),
        named_metrics: NamedMetrics {
            in_flight: situation.running.into(),
            queued: situation.queued.into(),
            estimated_wait_ms: round(milliseconds(wait)),
            service_p50_ms: round(percentile(50)),
            service_p95_ms: round(percentile(95)),
            draining: f64::from(u8::from(endpoint.drain.phase() > Phase::Serving)),
        },
    }
}

/// Three decimals: nobody needs the radio to carry seventeen.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
