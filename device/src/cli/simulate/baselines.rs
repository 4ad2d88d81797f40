//! The rules that Longshore is compared with. They know the round trip, the median server time and the local time exactly,
//! and see the link's mean bandwidth of the last second before each request at no cost. None has a hedge; what is not
//! answered by the deadline is closed then.

use std::collections::VecDeque;

use super::world::{Happening, Player, Times, World};

/// Weight of a new sample of [`Rule::Ewma`].
const EWMA_GAIN: f64 = 0.2;

/// Samples in the harmonic mean (Yin et al., "A Control-Theoretic Approach for Dynamic Adaptive Video Streaming over HTTP",
/// SIGCOMM 2015, section 7).
const HARMONIC_SAMPLES: usize = 5;

/// How far back the bandwidth is seen, in microseconds.
const SEEN_US: u64 = 1_000_000;

/// A baseline.
pub(super) enum Rule {
    AlwaysLocal,
    AlwaysOffload,
    /// The edge where its time by the exponentially weighted mean bandwidth is below the local one.
    Ewma(Option<f64>),
    /// The same by the harmonic mean of the last bandwidths.
    Harmonic(VecDeque<f64>),
    /// Both at once; the loser is stopped.
    RaceBoth,
    /// The edge where a regression says so.
    Neurosurgeon(Regression),
    /// Knows the future and takes the better place.
    Oracle,
}

impl Player for Rule {
    fn handle(&mut self, happening: Happening, world: &mut World) {
        match happening {
            Happening::Arrived { request } => {
                let (here, there) = self.places(request, world);
                if there {
                    world.send(request, None);
                }
                if here {
                    world.run_local(request);
                }
                world.set_timer(request, world.deadline_us(request));
            }
            Happening::LocalDone { request } if !world.is_over(request) => {
                world.close(request);
                world.answer(request, Some(false));
            }
            Happening::Answered { request, exchange } => {
                self.learn(request, exchange, world);
                world.stop_local(request, true);
                world.answer(request, Some(true));
            }
            Happening::Timer { request, .. } => {
                world.close(request);
                world.stop_local(request, true);
                world.answer(request, None);
            }
            _ => {}
        }
    }
}

impl Rule {
    /// Whether to run a request here, and there.
    fn places(&mut self, request: usize, world: &World) -> (bool, bool) {
        let bandwidth = seen(world);
        let bits = f64::from(world.setting.bytes) * 8.0;
        let local_us = world.setting.local_us as f64;
        let fixed_us = world.setting.server_us + world.trace.at(world.now_us).round_trip_us as f64;
        let is_faster = |kilobits_per_second: f64| {
            let edge_us = fixed_us + bits * 1e3 / kilobits_per_second.max(1.0);
            (local_us <= edge_us, edge_us < local_us)
        };
        match self {
            Self::AlwaysLocal => (true, false),
            Self::AlwaysOffload => (false, true),
            Self::RaceBoth => (true, true),
            Self::Ewma(mean) => {
                let before = mean.unwrap_or(bandwidth);
                is_faster(*mean.insert(before + EWMA_GAIN * (bandwidth - before)))
            }
            Self::Harmonic(last) => {
                last.push_back(bandwidth.max(1.0));
                if HARMONIC_SAMPLES < last.len() {
                    last.pop_front();
                }
                is_faster(last.len() as f64 / last.iter().map(|sample| sample.recip()).sum::<f64>())
            }
            Self::Neurosurgeon(regression) => {
                let edge_us = regression.predict(bits * 1e3 / bandwidth.max(1.0));
                (local_us <= edge_us, edge_us < local_us)
            }
            Self::Oracle => {
                let edge_us = (world.foreseen_us(request) - world.now_us) as f64;
                (local_us <= edge_us, edge_us < local_us)
            }
        }
    }

    fn learn(&mut self, _request: usize, (total_us, _, bytes): Times, world: &World) {
        if let Self::Neurosurgeon(regression) = self {
            regression.add(f64::from(bytes) * 8e3 / seen(world).max(1.0), total_us as f64);
        }
    }
}

fn seen(world: &World) -> f64 {
    let from_us = world.now_us.saturating_sub(SEEN_US);
    if from_us == world.now_us {
        return world.trace.at(0).kilobits_per_second;
    }
    world.trace.mean_kilobits_per_second(from_us, world.now_us)
}

/// Least squares of the time at the edge over bytes / bandwidth, in the manner of Neurosurgeon (Kang et al., ASPLOS 2017,
/// section 5.2), which regresses the time of each kind of layer over its size and adds the upload at the measured bandwidth.
#[derive(Default)]
pub(super) struct Regression {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

impl Regression {
    fn add(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
    }

    /// The line at `x`; `x` itself until there are two samples.
    fn predict(&self, x: f64) -> f64 {
        let spread = self.count * self.xx - self.x * self.x;
        if self.count < 2.0 || spread <= f64::EPSILON * self.xx {
            return x;
        }
        let slope = (self.count * self.xy - self.x * self.y) / spread;
        (self.y + slope * (x * self.count - self.x)) / self.count
    }
}
