//! Keeps requests away from an endpoint that fails, and says when to look again.
//!
//! Requests pass only while it is closed; recovery is found by a probe, never at the expense of a request.

use super::when::When;

/// Failures in a row that open it.
const FAILURES_MAX: u8 = 2;

/// First time that it stays open, in microseconds; doubled each time in a row.
const OPEN_FIRST_US: u64 = 500_000;

/// Longest time that it stays open, in microseconds, before jitter.
const OPEN_MAX_US: u64 = 8_000_000;

/// State of one endpoint's breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// While open: when a probe may go out, in microseconds.
    probe_at: Option<When>,
    failures: u8,
    /// Times in a row that it opened without a success between.
    trips: u8,
}

impl Breaker {
    /// Whether requests may pass.
    #[must_use]
    #[inline]
    pub const fn is_closed(&self) -> bool {
        self.probe_at.is_none()
    }

    /// Whether it is open and the time of its one probe has come.
    #[must_use]
    pub fn probe_is_due(&self, now_us: u64) -> bool {
        self.probe_at.is_some_and(|at| at.us() <= now_us)
    }

    /// The endpoint answered.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A probe says that it is back. Only a request shows whether it serves: if that fails, it opens again at once, and for
    /// longer. An endpoint that is always ready and always fails would else take two requests each time.
    pub fn is_back(&mut self) {
        self.probe_at = None;
        self.failures = if self.trips == 0 { 0 } else { FAILURES_MAX - 1 };
    }

    /// A request or a probe failed.
    pub fn failed(&mut self, now_us: u64, random: u32) {
        self.failures = self.failures.saturating_add(1);
        if FAILURES_MAX <= self.failures || !self.is_closed() {
            self.open(now_us, random);
        }
    }

    /// Opens at once: the endpoint said that it cannot serve.
    pub fn open(&mut self, now_us: u64, random: u32) {
        let longest = (OPEN_FIRST_US << self.trips.min(8)).min(OPEN_MAX_US);
        // Three quarters to five quarters, so that a fleet does not come back in step.
        let jittered = longest * 3 / 4 + longest / 2 * u64::from(random >> 16) / 0x1_0000;
        self.probe_at = Some(When::at(now_us + jittered));
        self.trips = self.trips.saturating_add(1);
    }

    /// Stays open for a given time: the endpoint named one.
    pub fn rest(&mut self, until_us: u64) {
        self.probe_at = Some(When::at(until_us));
    }
}
