//! How fast the way to an endpoint is, from the uploads that went there.
//!
//! Bandwidth changes by factors, so all of it is in logarithms: of the time to send one KiB, in microseconds.

use super::when::When;

/// Weight of a new sample. The link of half a second ago says more about the next request than all before it.
const GAIN: f32 = 0.6;

/// Weight of a new sample in the spread, and in what is usual here.
const SPREAD_GAIN: f32 = 0.2;
const USUAL_GAIN: f32 = 1.0 / 32.0;

/// Spread until a second sample tells more.
const FIRST_SPREAD: f32 = 0.25;

/// The spread is never taken to be less: a still link may fade.
const SPREAD_LEAST: f32 = 0.05;

/// A sample this many spreads away is a surprise: the link has changed, and what was before says nothing about it.
const SURPRISE_SPREADS: f32 = 3.0;

/// After this long without an upload the estimate stands half way to what is usual, in microseconds, ...
const FADE_US: f32 = 8_000_000.0;

/// ... and this much spread has come to it.
const FADE_SPREAD: f32 = 0.1;

/// The link fades once it takes this many times as long as usual, in logarithms: 2; and no longer below 1.4 times.
const FADES_AT: f32 = 0.693;
const FADES_NO_LONGER: f32 = 0.336;

/// The uplink to one endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uplink {
    level: f32,
    spread: f32,
    usual: f32,
    /// The level as time per KiB, in microseconds, so that picking an endpoint needs no exponential.
    kibibyte_us: f32,
    usual_us: f32,
    at: Option<When>,
}

impl Uplink {
    /// Nothing was sent yet.
    #[must_use]
    pub const fn unknown() -> Self {
        Self { level: 0.0, spread: FIRST_SPREAD, usual: 0.0, kibibyte_us: 0.0, usual_us: 0.0, at: None }
    }

    /// Whether nothing was measured, or so long ago that what is usual says as much.
    #[must_use]
    pub fn has_faded(&self, now_us: u64) -> bool {
        self.at.is_none_or(|at| FADE_US <= at.rough_age_us(now_us))
    }

    /// Whether anything was measured.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.at.is_some()
    }

    /// Whether the link is a good deal slower than it usually is here, by the last uploads; `already` if it was before them.
    #[must_use]
    pub fn is_fading(&self, already: bool) -> bool {
        self.level - self.usual > if already { FADES_NO_LONGER } else { FADES_AT }
    }

    /// An upload took this long for each KiB, in microseconds.
    pub fn add(&mut self, now_us: u64, kibibyte_us: f32) {
        let sample = kibibyte_us.max(1.0).ln();
        if self.at.is_none() {
            (self.level, self.usual) = (sample, sample);
        }
        let error = sample - self.level;
        let limit = SURPRISE_SPREADS * self.spread;
        // An outage must not make the spread of the good times wide.
        self.spread = (self.spread + SPREAD_GAIN * (error.abs().min(limit) - self.spread)).max(SPREAD_LEAST);
        self.level = if error.abs() < limit { self.level + GAIN * error } else { sample };
        self.usual += USUAL_GAIN * (sample - self.usual);
        (self.kibibyte_us, self.usual_us) = (self.level.exp(), self.usual.exp());
        self.at = Some(When::at(now_us));
    }

    /// An upload was given up and would have taken at least this long for each KiB, in microseconds.
    pub fn at_least(&mut self, now_us: u64, kibibyte_us: f32) {
        if self.at.is_none() || self.kibibyte_us < kibibyte_us {
            self.add(now_us, kibibyte_us);
        }
    }

    /// Time to send one KiB, in microseconds; `or_us` where nothing was measured.
    #[must_use]
    #[inline]
    pub fn kibibyte_us(&self, now_us: u64, or_us: f32) -> f32 {
        let Some(at) = self.at else { return or_us };
        self.usual_us + (self.kibibyte_us - self.usual_us) * freshness(at, now_us)
    }

    /// Mean absolute deviation of that time, as a share of it.
    #[must_use]
    pub fn spread(&self, now_us: u64) -> f32 {
        let faded = self.at.map_or(1.0, |at| 1.0 - freshness(at, now_us));
        self.spread + FADE_SPREAD * faded
    }
}

#[inline]
fn freshness(at: When, now_us: u64) -> f32 {
    FADE_US / (FADE_US + at.rough_age_us(now_us))
}
