//! The replica of the published testbed: it shares its cores among all its queries, each of which uses one core at most,
//! and what it may use beyond its allotment depends on its machine's other tenants.
//!
//! All queries run at one speed, so each ends when a common clock of work done reaches what it read at arrival plus its
//! own work. That makes an arrival and an end cost the logarithm of the number inside.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
};

use wire::{LoadReport, Outcome, load::NamedMetrics};

use super::{Arrival, Carrier, Ended, Fault, Job, Report, Server, figures::Figures};
use crate::{random::Random, world::query::AttemptKey};

/// Work that differs by less has ended, in seconds: the clock's rounding.
const ROUNDING: f64 = 1e-9;

/// 95th percentile of the work over its mean: of Normal(mu, mu) above 0.
const P95: f64 = 2.12;

/// A machine with other tenants, and how much it leaves.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Cores that the replica is allotted.
    pub allotment: f64,
    /// Share of the time in which other tenants leave little.
    pub contended_share: f64,
    /// Mean length of such a time, in seconds.
    pub contended_seconds: f64,
    /// Cores in allotments: from, to, drawn each time anew.
    pub contended: (f64, f64),
    /// The same for other times.
    pub spare: (f64, f64),
}

/// A replica that shares its cores.
pub struct Sharing {
    machine: Machine,
    random: Random,
    speed: f64,
    /// Mean work of a query.
    usual: f64,
    is_contended: bool,
    cores: f64,
    at: f64,
    clock: f64,
    inside: BinaryHeap<Reverse<Inside>>,
    left: HashSet<AttemptKey>,
    count: u32,
    figures: Figures,
}

#[derive(Clone, Copy, PartialEq)]
struct Inside {
    end: f64,
    key: AttemptKey,
    since: f64,
    met: u32,
}

impl Sharing {
    /// A replica of this speed for queries of this mean work, in a state that its machine is in at any time.
    #[must_use]
    pub fn new(machine: Machine, speed: f64, usual: f64, mut random: Random) -> Self {
        let is_contended = random.chance(machine.contended_share);
        let mut replica = Self {
            machine,
            random,
            speed,
            usual,
            is_contended,
            cores: 0.0,
            at: 0.0,
            clock: 0.0,
            inside: BinaryHeap::new(),
            left: HashSet::new(),
            count: 0,
            figures: Figures::default(),
        };
        replica.draw_cores();
        replica
    }

    fn draw_cores(&mut self) {
        let (low, high) = if self.is_contended { self.machine.contended } else { self.machine.spare };
        self.cores = self.machine.allotment * self.random.between(low, high);
    }

    /// Work that one query of `count` gets done in a second.
    fn rate(&self, count: u32) -> f64 {
        self.speed * (self.cores / f64::from(count.max(1))).min(1.0)
    }

    fn advance(&mut self, now: f64) {
        let used = self.cores.min(f64::from(self.count));
        self.figures.advance(now, used / self.machine.allotment);
        self.clock += (now - self.at) * self.rate(self.count);
        self.at = now;
    }

    /// Those who left in the meantime are dropped where they come up.
    fn drop_those_who_left(&mut self) {
        while let Some(Reverse(first)) = self.inside.peek()
            && self.left.remove(&first.key)
        {
            self.inside.pop();
        }
    }
}

impl Server for Sharing {
    fn arrive(&mut self, now: f64, job: Job) -> Arrival {
        self.advance(now);
        self.inside.push(Reverse(Inside {
            end: self.clock + job.work,
            key: job.key,
            since: now,
            met: self.count,
        }));
        self.count += 1;
        Arrival::Taken
    }

    fn cancel(&mut self, now: f64, key: AttemptKey) {
        self.advance(now);
        self.left.insert(key);
        self.count -= 1;
        self.figures.ended(false);
        self.drop_those_who_left();
    }

    fn next(&self) -> f64 {
        self.inside.peek().map_or(f64::INFINITY, |Reverse(first)| {
            self.at + (first.end - self.clock).max(0.0) / self.rate(self.count)
        })
    }

    fn act(&mut self, now: f64, ended: &mut Vec<Ended>) {
        self.advance(now);
        while let Some(Reverse(first)) = self.inside.peek().copied()
            && first.end <= self.clock + ROUNDING
        {
            self.inside.pop();
            self.count -= 1;
            let service = now - first.since;
            self.figures.ended(true);
            self.figures.took(first.met, service);
            ended.push(Ended { key: first.key, outcome: Outcome::Served, queue: 0.0, service });
            self.drop_those_who_left();
        }
    }

    fn next_change(&mut self, now: f64) -> f64 {
        let Machine { contended_share, contended_seconds, .. } = self.machine;
        let mean = if self.is_contended {
            contended_seconds
        } else {
            contended_seconds * (1.0 - contended_share) / contended_share
        };
        now + self.random.exponential(mean)
    }

    fn change(&mut self, now: f64) {
        self.advance(now);
        self.is_contended = !self.is_contended;
        self.draw_cores();
    }

    fn report(&mut self, now: f64, carrier: Carrier) -> Option<Report> {
        self.advance(now);
        let (qps, eps, utilization) = self.figures.orca();
        let latency = if carrier == Carrier::Probe { self.figures.latency(self.count) } else { 0.0 };
        // The truth about its own cores: how much longer the usual query takes than with a core of its own.
        let slowdown = f64::from(self.count + 1) / self.cores;
        let usual = self.usual / self.speed;
        let wait = (usual * (slowdown - 1.0).max(0.0)) as f32;
        let service_p95 = (usual * P95) as f32;
        Some(Report { in_flight: self.count, latency, qps, eps, utilization, wait, service_p95 })
    }

    /// Of a replica with a sidecar: its cores are its slots.
    fn load(&mut self, now: f64) -> Option<LoadReport> {
        let Report { qps, wait, service_p95, .. } = self.report(now, Carrier::Answer)?;
        let milliseconds = |seconds: f32| f64::from(seconds) * 1e3;
        Some(LoadReport {
            rps_fractional: qps.into(),
            named_metrics: NamedMetrics {
                in_flight: self.count.into(),
                estimated_wait_ms: milliseconds(wait),
                service_p50_ms: self.usual / self.speed * 1e3,
                service_p95_ms: milliseconds(service_p95),
                ..NamedMetrics::default()
            },
            ..LoadReport::default()
        })
    }

    fn expected(&self, _now: f64, on_the_way: u32, work: f64) -> f64 {
        let count = self.count + on_the_way + 1;
        // Among those that have a core free, the one with most of them: others come too.
        work / self.rate(count) + f64::from(count) / self.cores * 1e-6
    }

    fn faults(&self) -> &[Fault] {
        &[]
    }
}

impl Eq for Inside {}

impl Ord for Inside {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.end.total_cmp(&other.end).then(self.key.cmp(&other.key))
    }
}

impl PartialOrd for Inside {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
