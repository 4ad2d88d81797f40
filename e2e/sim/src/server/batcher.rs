//! A node at the edge: a model server that runs what waits as one batch, first come first served, and now and then fails.

use std::collections::VecDeque;

use wire::Outcome;

use super::{Arrival, Carrier, Ended, Fault, Job, Report, Server, figures::Figures};
use crate::{random::Random, world::query::AttemptKey};

/// What a batch costs at speed 1.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Queries in it at most.
    pub most: usize,
    /// Seconds whatever is in it.
    pub fixed: f64,
    /// Seconds for each query of usual work.
    pub each: f64,
}

impl Batch {
    /// Seconds that a batch of so much work takes.
    #[must_use]
    pub fn seconds(&self, work: f64) -> f64 {
        self.fixed + self.each * work
    }

    /// Queries per second with full batches.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        self.most as f64 / self.seconds(self.most as f64)
    }
}

/// How a node fails.
#[derive(Clone, Copy, Debug)]
pub struct Failing {
    /// Mean time from one fault to the next, in seconds.
    pub every: f64,
    /// How long a fault lasts, in seconds.
    pub lasts: f64,
    /// Share of the faults in which the node answers errors at once; in the others it is silent.
    pub fast: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Health {
    Well,
    Silent,
    /// Answers errors at once, and looks idle.
    FailsFast,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    job: Job,
    since: f64,
    met: u32,
}

/// A node.
pub struct Batcher {
    batch: Batch,
    failing: Failing,
    speed: f64,
    random: Random,
    health: Health,
    line: VecDeque<Waiting>,
    running: Vec<Waiting>,
    began: f64,
    ends: f64,
    figures: Figures,
    faults: Vec<Fault>,
}

impl Batcher {
    /// A node of this speed, idle and well.
    #[must_use]
    pub fn new(batch: Batch, failing: Failing, speed: f64, random: Random) -> Self {
        Self {
            batch,
            failing,
            speed,
            random,
            health: Health::Well,
            line: VecDeque::new(),
            running: Vec::new(),
            began: 0.0,
            ends: f64::INFINITY,
            figures: Figures::default(),
            faults: Vec::new(),
        }
    }

    fn inside(&self) -> usize {
        self.line.len() + self.running.len()
    }

    fn advance(&mut self, now: f64) {
        let level = self.inside() as f64 / self.batch.most as f64;
        self.figures.advance(now, level);
    }

    /// Queries that one batch takes.
    #[must_use]
    pub fn batch_most(&self) -> usize {
        self.batch.most
    }

    /// Whether nothing answers.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.health == Health::Silent
    }

    /// Takes a job into the line; [`Self::begin`] is for the caller.
    pub fn take(&mut self, now: f64, job: Job) -> Arrival {
        self.advance(now);
        match self.health {
            Health::Silent => Arrival::Lost,
            Health::FailsFast => {
                self.figures.ended(false);
                Arrival::Refused(Outcome::UpstreamFailed)
            }
            Health::Well => {
                let met = self.inside() as u32;
                self.line.push_back(Waiting { job, since: now, met });
                Arrival::Taken
            }
        }
    }

    /// Ends the batch that runs; [`Self::begin`] is for the caller.
    pub fn finish(&mut self, now: f64, ended: &mut Vec<Ended>) {
        self.advance(now);
        self.ends = f64::INFINITY;
        for Waiting { job, since, met } in self.running.drain(..) {
            self.figures.ended(true);
            self.figures.took(met, now - since);
            let (queue, service) = (self.began - since, now - self.began);
            ended.push(Ended { key: job.key, outcome: Outcome::Served, queue, service });
        }
    }

    /// One that waits leaves the line, and true is returned. One that runs runs on: a batch cannot be taken apart.
    pub fn leaves(&mut self, now: f64, key: AttemptKey) -> bool {
        self.advance(now);
        self.figures.ended(false);
        let before = self.line.len();
        self.line.retain(|waiting| waiting.job.key != key);
        self.line.len() < before
    }

    /// Begins a batch of those that wait, if none runs.
    pub fn begin(&mut self, now: f64) {
        if self.running.is_empty() && !self.line.is_empty() {
            let size = self.line.len().min(self.batch.most);
            self.running.extend(self.line.drain(..size));
            let work: f64 = self.running.iter().map(|waiting| waiting.job.work).sum();
            self.began = now;
            self.ends = now + self.batch.seconds(work) / self.speed;
        }
    }

    /// Seconds until one more query would begin if it came behind so many others, and until it would end.
    fn forecast(&self, now: f64, ahead: usize) -> (f64, f64) {
        let rest = if self.running.is_empty() { 0.0 } else { (self.ends - now).max(0.0) };
        let full = self.batch.seconds(self.batch.most as f64) / self.speed;
        let begins = rest + (ahead / self.batch.most) as f64 * full;
        let own = self.batch.seconds((ahead % self.batch.most + 1) as f64) / self.speed;
        (begins, begins + own)
    }
}

impl Server for Batcher {
    fn arrive(&mut self, now: f64, job: Job) -> Arrival {
        let arrival = self.take(now, job);
        self.begin(now);
        arrival
    }

    fn cancel(&mut self, now: f64, key: AttemptKey) {
        self.leaves(now, key);
    }

    fn next(&self) -> f64 {
        self.ends
    }

    fn act(&mut self, now: f64, ended: &mut Vec<Ended>) {
        self.finish(now, ended);
        self.begin(now);
    }

    fn next_change(&mut self, now: f64) -> f64 {
        match self.health {
            Health::Well => now + self.random.exponential(self.failing.every),
            Health::Silent | Health::FailsFast => now + self.failing.lasts,
        }
    }

    fn change(&mut self, now: f64) {
        self.advance(now);
        if self.health != Health::Well {
            self.health = Health::Well;
            return;
        }
        let is_fast = self.random.chance(self.failing.fast);
        self.health = if is_fast { Health::FailsFast } else { Health::Silent };
        self.faults.push(Fault { from: now, to: now + self.failing.lasts, is_fast });
        // Whoever is inside hears nothing more.
        self.line.clear();
        self.running.clear();
        self.ends = f64::INFINITY;
    }

    fn report(&mut self, now: f64, carrier: Carrier) -> Option<Report> {
        if self.health == Health::Silent {
            return None;
        }
        self.advance(now);
        let in_flight = self.inside() as u32;
        let (qps, eps, utilization) = self.figures.orca();
        let latency = if carrier == Carrier::Probe { self.figures.latency(in_flight) } else { 0.0 };
        let (begins, ends) = self.forecast(now, self.line.len());
        let (wait, service_p95) = (begins as f32, (ends - begins) as f32);
        Some(Report { in_flight, latency, qps, eps, utilization, wait, service_p95 })
    }

    fn expected(&self, now: f64, on_the_way: u32, _work: f64) -> f64 {
        if self.health == Health::Well {
            self.forecast(now, self.line.len() + on_the_way as usize).1
        } else {
            f64::INFINITY
        }
    }

    fn faults(&self) -> &[Fault] {
        &self.faults
    }
}
