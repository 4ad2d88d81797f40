//! A running mean with its spread, from few samples.

/// Weight of a sample once there are many; the same as TCP's round-trip estimator (RFC 6298).
const GAIN: f32 = 1.0 / 8.0;

/// Mean absolute deviations above the mean that cover about 95 % of a normal spread (1.645 / 0.798).
pub const P95_DEVIATIONS: f32 = 2.06;

/// Exponentially weighted mean and mean absolute deviation, in the unit of the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    mean: f32,
    deviation: f32,
    samples: u8,
}

impl Estimate {
    /// A guess to stand in until something is measured.
    #[must_use]
    pub const fn guess(mean: f32, deviation: f32) -> Self {
        Self { mean, deviation, samples: 0 }
    }

    /// Takes a sample in. The first one replaces the guess.
    pub fn add(&mut self, sample: f32) {
        if self.samples == 0 {
            // A quarter: one sample says little about the spread, and a wide guess would forbid what works.
            *self = Self { mean: sample, deviation: sample / 4.0, samples: 1 };
            return;
        }
        self.samples = self.samples.saturating_add(1);
        let gain = GAIN.max(1.0 / f32::from(self.samples));
        let error = sample - self.mean;
        self.mean += gain * error;
        self.deviation += gain * (error.abs() - self.deviation);
    }

    /// The mean.
    #[must_use]
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
    /// A time that nothing is sent in.
    #[must_use]
    pub const fn local(estimate: Estimate) -> Self {
        Self { mean_us: estimate.mean, deviation_us: estimate.deviation, transmit_us: 0.0, queue_us: 0.0 }
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
}
