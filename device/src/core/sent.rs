//! A request that is out at an endpoint: when that endpoint is late, and when it is silent.

use super::endpoint::EndpointId;
use super::route::Route;

/// Endpoints that may have the same request at the same time: one, and one that is asked beside it.
pub(super) const OUT_MAX: usize = 2;

/// An endpoint is late, and another is asked beside it, after this many times the 95th percentile of its expected time ...
const LATE_FACTOR: f32 = 2.0;

/// ... and this much, in microseconds.
const LATE_EXTRA_US: u64 = 5_000;

/// It is silent after this many times that time: one that is merely slow and is left has worked in vain, and counts as failed ...
const PATIENCE_FACTOR: f32 = 3.0;

/// ... and this much, in microseconds.
const PATIENCE_EXTRA_US: u64 = 10_000;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) endpoint: EndpointId,
    pub(super) since_us: u64,
    /// When another endpoint is asked beside it; `None` once that was acted upon, or where it would not help.
    pub(super) doubt_us: Option<u64>,
    /// Whether another endpoint was.
    pub(super) is_doubted: bool,
    /// When it counts as silent; `None` once that was acted upon.
    pub(super) patience_us: Option<u64>,
    /// Whether it was asked beside another.
    pub(super) is_second: bool,
}

impl Sent {
    pub(super) fn new(now_us: u64, route: Route, has_others: bool, is_second: bool) -> Self {
        let Route { endpoint, forecast } = route;
        let p95_us = forecast.p95_us();
        let after = |factor: f32, extra_us: u64| Some(now_us + (p95_us * factor) as u64 + extra_us);
        // Another upload beside a long one slows both.
        let is_upload = forecast.mean_us < 2.0 * forecast.transmit_us;
        Self {
            endpoint,
            since_us: now_us,
            doubt_us: after(LATE_FACTOR, LATE_EXTRA_US).filter(|_| has_others && !is_upload),
            is_doubted: false,
            patience_us: after(PATIENCE_FACTOR, PATIENCE_EXTRA_US),
            is_second,
        }
    }

    /// Whether it counts as silent at the end of its request: after its time, and where the request was late. One that was asked
    /// beside another had only the rest of the time, and is not to blame for that.
    pub(super) fn is_silent(&self, now_us: u64, is_late: bool) -> bool {
        self.patience_us.is_none_or(|at_us| at_us <= now_us) || is_late && !self.is_second
    }
}
