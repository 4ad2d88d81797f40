//! Seeded streams of random numbers. Each part of a world has a stream of its own, so that all policies meet the same
//! arrivals, the same work and the same faults.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use rand_distr::{Distribution, Exp1, StandardNormal};

/// What a stream is for.
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    /// When queries come, from whom, and how long they take.
    Workload,
    /// Who is how far from whom, which packets are lost.
    Network,
    /// Which servers are slow, contended or broken, and when.
    Servers,
    /// Choices of policies.
    Policies,
}

/// One stream.
#[derive(Clone, Debug)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The stream of one part of a world.
    #[must_use]
    pub fn new(seed: u64, stream: Stream) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_mul(8).wrapping_add(stream as u64)))
    }

    /// The stream of one of many like parts.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(self.0.random()))
    }

    /// From 0, below 1.
    pub fn unit(&mut self) -> f64 {
        self.0.random()
    }

    /// From `low`, below `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `count`.
    ///
    /// # Panics
    /// When `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the two whole numbers beside `value`, so that their mean is `value`.
    pub fn round(&mut self, value: f64) -> usize {
        value as usize + usize::from(self.chance(value.fract()))
    }

    /// Exponentially distributed.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        let unit: f64 = Exp1.sample(&mut self.0);
        unit * mean
    }

    /// Normally distributed.
    pub fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let unit: f64 = StandardNormal.sample(&mut self.0);
        mean + unit * deviation
    }

    /// Thirty-two random bits.
    pub fn bits(&mut self) -> u32 {
        self.0.random()
    }
}
