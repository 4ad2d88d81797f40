//! Sums over all endpoints, kept as they change. Their means stand in where nothing is known of one, so that what is unknown
//! looks neither idle nor saturated.

use super::Standing;

/// Time in a model server that nobody measured yet, in microseconds.
const SERVICE_US: f32 = 20_000.0;

/// Sums over standings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// Over those that are heard.
    wait_us: f64,
    heard: f64,
    /// Over those whose model server was measured.
    p50_us: f64,
    p95_us: f64,
    measured: f64,
    /// Requests that they can answer in a second.
    pub(super) per_second: f64,
    /// Pods that are heard.
    pub(super) pods: f64,
}

/// Means over the endpoints that were heard of, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mean {
    pub(crate) wait_us: f32,
    pub(crate) p50_us: f32,
    pub(crate) p95_us: f32,
}

impl Sums {
    /// One more stands so.
    pub(super) fn add(&mut self, standing: &Standing) {
        self.count(standing, 1.0);
    }

    /// One fewer stands so.
    pub(super) fn take(&mut self, standing: &Standing) {
        self.count(standing, -1.0);
    }

    pub(super) fn mean(&self) -> Mean {
        let of = |sum: f64, count: f64, guess: f32| if count > 0.5 { (sum / count) as f32 } else { guess };
        Mean {
            wait_us: of(self.wait_us, self.heard, 0.0),
            p50_us: of(self.p50_us, self.measured, SERVICE_US),
            p95_us: of(self.p95_us, self.measured, SERVICE_US),
        }
    }

    fn count(&mut self, standing: &Standing, times: f64) {
        if standing.heard.is_some() && !standing.is_silent {
            self.wait_us += times * f64::from(standing.wait_us);
            self.heard += times;
        }
        if standing.p50_us > 0.0 {
            self.p50_us += times * f64::from(standing.p50_us);
            self.p95_us += times * f64::from(standing.p95_us);
            self.measured += times;
        }
        self.per_second += times * f64::from(standing.per_second());
        self.pods += times * f64::from(standing.pods);
    }
}
