//! What was measured, as a distribution: a running level with its spread, from few samples.

/// Weight of a sample once there are many; twice that of TCP's round-trip estimator (RFC 6298), whose samples are far more.
const GAIN: f32 = 1.0 / 4.0;

/// A sample this many deviations away is a surprise, ...
const SURPRISE_DEVIATIONS: f32 = 4.0;

/// ... if it is also away by this share of the mean. Two in a row on the same side mean that the world has changed.
const SURPRISE_SHARE: f32 = 0.25;

/// Share of the first sample that its spread is taken to be: one sample says little, and a wide guess would forbid what
/// works.
const FIRST_SPREAD: f32 = 1.0 / 8.0;

/// What was not measured for this long, in microseconds, may be off by this share of the mean: a small device cools down
/// or is heated by something else within minutes, and its clock changes with that.
const UNUSED_US: f32 = 600_000_000.0;
const UNUSED_SPREAD: f32 = 0.25;

/// Mean absolute deviations above the mean that cover about 95 % of a normal spread (1.645 / 0.798).
pub const P95_DEVIATIONS: f32 = 2.06;

/// Standard deviations in one mean absolute deviation of a normal spread: the square root of pi / 2.
const SIGMAS_PER_DEVIATION: f32 = 1.253_314;

/// Exponentially weighted mean and mean absolute deviation, in the unit of the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    mean: f32,
    deviation: f32,
    samples: u8,
    /// Side of the last sample when it was a surprise.
    surprise: i8,
}

impl Estimate {
    /// A guess to stand in until something is measured.
    #[must_use]
    pub const fn guess(mean: f32, deviation: f32) -> Self {
        Self { mean, deviation, samples: 0, surprise: 0 }
    }

    /// Takes a sample in. The first one replaces the guess; the second of two surprises on the same side begins anew.
    pub fn add(&mut self, sample: f32) {
        let error = sample - self.mean;
        let limit = (self.deviation * SURPRISE_DEVIATIONS).max(self.mean * SURPRISE_SHARE);
        let side = if error.abs() <= limit {
            0
        } else if error > 0.0 {
            1
        } else {
            -1
        };
        // One sample that the next one has nothing to do with was a cold start, or is past.
        if self.samples == 0 || side != 0 && (side == self.surprise || self.samples == 1) {
            *self = Self { mean: sample, deviation: sample * FIRST_SPREAD, samples: 1, surprise: 0 };
            return;
        }
        self.surprise = side;
        self.samples = self.samples.saturating_add(1);
        let gain = GAIN.max(1.0 / f32::from(self.samples));
        self.mean += gain * error;
        // A surprise must not widen the spread so far that the next one is none.
        self.deviation += gain * (error.abs().min(limit) - self.deviation);
    }

    /// Whether there was a sample yet.
    #[must_use]
    pub const fn is_measured(&self) -> bool {
        self.samples > 0
    }

    /// What it is worth this many microseconds after the last sample: the mean stands, and the spread grows with the time.
    #[must_use]
    pub fn unused_for(self, idle_us: f32) -> Self {
        let spread = UNUSED_SPREAD * (idle_us / UNUSED_US).min(1.0);
        Self { deviation: self.deviation.max(self.mean * spread), ..self }
    }

    /// The mean.
    #[must_use]
    #[inline]
    pub const fn mean(&self) -> f32 {
        self.mean
    }

    /// The mean absolute deviation.
    #[must_use]
    pub const fn deviation(&self) -> f32 {
        self.deviation
    }
}

/// How long something will take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Expected time, in microseconds.
    pub mean_us: f32,
    /// Mean absolute deviation of it, in microseconds.
    pub deviation_us: f32,
    /// The part of the expected time in which the radio sends, in microseconds.
    pub transmit_us: f32,
    /// The part of the expected time spent behind other requests, in microseconds.
    pub queue_us: f32,
}

impl Forecast {
    /// A time that nothing is sent in, after this wait for the processor.
    #[must_use]
    pub fn local(estimate: Estimate, wait_us: f32) -> Self {
        Self {
            mean_us: estimate.mean + wait_us,
            deviation_us: estimate.deviation,
            transmit_us: 0.0,
            queue_us: wait_us,
        }
    }

    /// 95th percentile, in microseconds.
    #[must_use]
    pub fn p95_us(&self) -> f32 {
        self.mean_us + P95_DEVIATIONS * self.deviation_us
    }

    /// Whether it is probable enough that this ends in the time left.
    #[must_use]
    pub fn meets(&self, left_us: u64) -> bool {
        self.p95_us() <= left_us as f32
    }

    /// How probable it is that this takes longer than `after_us`, 0 to 1.
    #[must_use]
    pub fn chance_after(&self, after_us: f32) -> f32 {
        self.split(after_us).0
    }

    /// Expected time when something else is sure to end it after `until_us`, in microseconds.
    #[must_use]
    pub fn mean_until(&self, until_us: f32) -> f32 {
        let (after, before) = self.split(until_us);
        self.mean_us * before + until_us * after
    }

    /// How much of a lognormal time of this mean and spread lies after `at_us`, and which part of its mean before.
    fn split(&self, at_us: f32) -> (f32, f32) {
        if at_us <= 0.0 {
            return (1.0, 0.0);
        }
        let variation = SIGMAS_PER_DEVIATION * self.deviation_us / self.mean_us.max(1.0);
        let variance = (variation * variation).ln_1p();
        let sigma = variance.sqrt();
        if sigma < 1e-4 {
            return if at_us < self.mean_us { (1.0, 0.0) } else { (0.0, 1.0) };
        }
        let z = ((at_us / self.mean_us.max(1.0)).ln() + variance / 2.0) / sigma;
        (1.0 - normal(z), normal(z - sigma))
    }
}

/// Share of a normal distribution below `z`, to 0.00014 (Bowling et al., "A logistic approximation to the cumulative normal
/// distribution", Journal of Industrial Engineering and Management 2(1), 2009).
fn normal(z: f32) -> f32 {
    1.0 / (1.0 + (-z * (1.5976 + 0.070_56 * z * z)).exp())
}
