//! Client-side weighted round robin: gRFC A58 with its defaults, reports on answers. Picks are earliest deadline first.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{Answer, Moment, Order, Policy, Verdict};
use crate::{random::Random, server::Report};

/// Seconds between two computations of all weights.
const UPDATE_SECONDS: f64 = 1.0;
/// A server's weight counts from so many seconds after its first report on.
const BLACKOUT_SECONDS: f64 = 10.0;
/// A weight that was not renewed for so long counts no more.
const EXPIRY_SECONDS: f64 = 180.0;
/// What a share of errors adds to the utilisation.
const ERROR_PENALTY: f64 = 1.0;

/// gRFC A58.
pub struct WeightedRoundRobin {
    servers: Vec<Weight>,
    /// Servers by their deadlines in the round.
    round: BinaryHeap<Reverse<Turn>>,
    strides: Vec<f64>,
    updated_at: f64,
}

#[derive(Clone, Copy, Default)]
struct Weight {
    weight: f64,
    /// When it was first and last reported; the first is forgotten when it expires.
    since: Option<f64>,
    at: f64,
}

#[derive(PartialEq)]
struct Turn {
    deadline: f64,
    server: usize,
}

impl WeightedRoundRobin {
    /// Over so many servers, none of which has reported.
    #[must_use]
    pub fn new(servers: usize) -> Self {
        Self {
            servers: vec![Weight::default(); servers],
            round: BinaryHeap::with_capacity(servers),
            strides: vec![1.0; servers],
            updated_at: f64::NEG_INFINITY,
        }
    }

    fn update(&mut self, now: f64, random: &mut Random) {
        self.updated_at = now;
        let weights = self.servers.iter_mut().zip(&mut self.strides);
        let (mut sum, mut count) = (0.0, 0.0_f64);
        for (server, stride) in weights {
            *stride = server.at(now);
            sum += *stride;
            count += f64::from(u8::from(*stride > 0.0));
        }
        // Fewer than two: plain round robin. One that has none: the mean of the others.
        let mean = if count < 2.0 { 1.0 } else { sum / count };
        self.round.clear();
        for (server, stride) in self.strides.iter_mut().enumerate() {
            let weight = if *stride > 0.0 && count >= 2.0 { *stride } else { mean };
            *stride = 1.0 / weight;
            self.round.push(Reverse(Turn { deadline: random.unit() * *stride, server }));
        }
    }
}

impl Weight {
    fn learn(&mut self, now: f64, report: &Report) {
        let (qps, eps) = (f64::from(report.qps), f64::from(report.eps));
        let load = f64::from(report.utilization) + eps / qps * ERROR_PENALTY;
        if qps > 0.0 && load > 0.0 {
            self.since.get_or_insert(now);
            self.weight = qps / load;
            self.at = now;
        }
    }

    fn at(&mut self, now: f64) -> f64 {
        let Some(since) = self.since else { return 0.0 };
        if now - self.at >= EXPIRY_SECONDS {
            self.since = None;
            return 0.0;
        }
        if now - since < BLACKOUT_SECONDS { 0.0 } else { self.weight }
    }
}

impl Policy for WeightedRoundRobin {
    fn start(&mut self, moment: &mut Moment<'_>) {
        if moment.now - self.updated_at >= UPDATE_SECONDS {
            self.update(moment.now, moment.random);
        }
        let Some(mut first) = self.round.peek_mut() else { return };
        first.0.deadline += self.strides[first.0.server];
        moment.order(Order::Send(first.0.server));
    }

    fn answered(&mut self, moment: &mut Moment<'_>, answer: &Answer) -> Verdict {
        if let Some(report) = &answer.report {
            self.servers[answer.server].learn(moment.now, report);
        }
        Verdict::Final
    }
}

impl Eq for Turn {}

impl Ord for Turn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.deadline.total_cmp(&other.deadline).then(self.server.cmp(&other.server))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
