//! A node with our sidecar before its model server: admission and the line as they ship. Here is only what the sidecar
//! does around them: hand requests to the server, tell those that were refused, and measure.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use admission::{
    admit::{self, Verdict},
    line::{Entered, Line, Place},
    load::{self, Bounds, Claim, Load, Surroundings},
    party::{Party, Source},
};
use wire::{LoadReport, Outcome, priority};

use super::{Arrival, Carrier, Ended, Fault, Job, Report, Server, batcher::Batcher};
use crate::world::query::AttemptKey;

/// A node with its sidecar.
pub struct Guarded {
    node: Batcher,
    bounds: Bounds,
    /// The instant that the world's time counts from.
    epoch: Instant,
    load: Load,
    line: Line,
    waiting: BTreeMap<Place, Waited>,
    /// Those that have a slot, by ticket: when they came, and when they began.
    inside: BTreeMap<u64, (Job, f64, f64)>,
    /// Told at the next act.
    refused: Vec<Ended>,
    acts_at: f64,
    ended: Vec<Ended>,
}

/// One that came and has not begun.
#[derive(Clone, Copy)]
struct Waited {
    job: Job,
    since: f64,
    /// When starting stops making sense.
    start_by: f64,
}

impl Guarded {
    /// A node whose sidecar lets in what one batch takes.
    #[must_use]
    pub fn new(node: Batcher, patience: Duration) -> Self {
        let bounds = Bounds {
            concurrency: node.batch_most() as u32,
            queue_max: 64,
            timeout_default: patience,
            timeout_max: patience * 10,
            payload_bytes_max: 1,
        };
        Self {
            node,
            bounds,
            epoch: Instant::now(),
            load: Load::default(),
            line: new_line(&bounds),
            waiting: BTreeMap::new(),
            inside: BTreeMap::new(),
            refused: Vec::new(),
            acts_at: f64::INFINITY,
            ended: Vec::new(),
        }
    }

    fn instant(&self, now: f64) -> Instant {
        self.epoch + Duration::from_secs_f64(now)
    }

    fn seconds(&self, instant: Instant) -> f64 {
        (instant - self.epoch).as_secs_f64()
    }

    /// Whether a job may come in; the time until which it may wait.
    fn judge(&self, now: f64, job: &Job) -> Result<admission::line::Ask, Outcome> {
        let at = self.instant(now);
        let source = Source::V4((job.client as u32).to_be_bytes());
        let claim = Claim {
            party: Party::Source(source),
            priority: priority::DEFAULT,
            deadline: self.instant(job.deadline),
        };
        let view = |ask: &_, mean| self.line.view(at, ask, mean);
        let situation = load::predict(&self.load, &self.bounds, at, &claim, None, view);
        match admit::decide(&situation) {
            (Verdict::Refuse(outcome), _) => Err(outcome),
            (Verdict::Admit | Verdict::Wait, _) => {
                let ask = self.load.ask(&claim);
                Ok(admission::line::Ask { start_by: ask.start_by.max(at), ..ask })
            }
        }
    }

    /// Hands a job with a slot to the server; how that ends if at once.
    fn hand_over(&mut self, now: f64, ticket: u64, Waited { job, since, .. }: Waited) -> Option<Outcome> {
        self.load.sent(self.instant(now));
        match self.node.take(now, job) {
            Arrival::Refused(outcome) => {
                self.load.held(self.instant(now), Duration::ZERO);
                self.load.ended(self.instant(now), outcome);
                self.line.end(self.instant(now), ticket);
                Some(outcome)
            }
            Arrival::Taken | Arrival::Lost => {
                self.inside.insert(ticket, (job, since, now));
                None
            }
        }
    }

    /// Whoever goes first takes the free slots.
    fn fill(&mut self, now: f64) {
        while let Some(place) = self.line.begin(self.instant(now)) {
            let Some(waited) = self.waiting.remove(&place) else { continue };
            if let Some(outcome) = self.hand_over(now, place.ticket, waited) {
                self.refuse(now, waited, outcome);
            }
        }
        self.node.begin(now);
        self.plan();
    }

    fn refuse(&mut self, now: f64, Waited { job, since, .. }: Waited, outcome: Outcome) {
        self.refused.push(Ended { key: job.key, outcome, queue: now - since, service: 0.0 });
        self.acts_at = now;
    }

    fn plan(&mut self) {
        let first = self.waiting.first_key_value().map(|(_, waited)| waited.start_by);
        let told = if self.refused.is_empty() { f64::INFINITY } else { self.acts_at };
        self.acts_at = told.min(self.node.next()).min(first.unwrap_or(f64::INFINITY));
    }

    fn ends(&mut self, now: f64, ended: &Ended) -> Option<Ended> {
        let (ticket, (_, since, began)) = self
            .inside
            .iter()
            .find(|(_, (job, ..))| job.key == ended.key)
            .map(|(ticket, it)| (*ticket, *it))?;
        self.inside.remove(&ticket);
        let (at, took) = (self.instant(now), Duration::from_secs_f64(now - began));
        self.load.served(at, took);
        self.load.held(at, took);
        self.load.ended(at, ended.outcome);
        self.line.end(at, ticket);
        Some(Ended { queue: began - since, service: now - began, ..*ended })
    }

    /// Those for whom starting no longer makes sense.
    fn give_up(&mut self, now: f64) {
        while let Some((place, waited)) = self.waiting.first_key_value()
            && waited.start_by <= now
        {
            let (place, waited) = (*place, *waited);
            self.waiting.remove(&place);
            self.line.give_up(self.instant(now), place);
            self.load.ended(self.instant(now), Outcome::Expired);
            self.refuse(now, waited, Outcome::Expired);
        }
    }
}

fn new_line(bounds: &Bounds) -> Line {
    Line::new(bounds.concurrency, bounds.queue_max, bounds.timeout_default)
}

impl Server for Guarded {
    fn arrive(&mut self, now: f64, job: Job) -> Arrival {
        if self.node.is_silent() {
            return Arrival::Lost;
        }
        let ask = match self.judge(now, &job) {
            Ok(ask) => ask,
            Err(outcome) => return Arrival::Refused(outcome),
        };
        let newcomer = Waited { job, since: now, start_by: self.seconds(ask.start_by) };
        let arrival = match self.line.enter(self.instant(now), &ask) {
            Entered::Full => Arrival::Refused(Outcome::QueueFull),
            Entered::Begins { ticket } => {
                self.hand_over(now, ticket, newcomer).map_or(Arrival::Taken, Arrival::Refused)
            }
            Entered::Waits { place, instead_of } => {
                if let Some(waited) = instead_of.and_then(|place| self.waiting.remove(&place)) {
                    self.refuse(now, waited, Outcome::QueueFull);
                }
                self.waiting.insert(place, newcomer);
                Arrival::Taken
            }
        };
        self.fill(now);
        arrival
    }

    /// A device that no longer waits. One that runs keeps its slot: the batch cannot be taken apart.
    fn cancel(&mut self, now: f64, key: AttemptKey) {
        let at = self.instant(now);
        if let Some(place) =
            self.waiting.iter().find(|(_, waited)| waited.job.key == key).map(|(place, _)| *place)
        {
            self.waiting.remove(&place);
            self.line.give_up(at, place);
        } else if let Some((ticket, (job, _, began))) =
            self.inside.iter().find(|(_, (job, ..))| job.key == key).map(|(ticket, it)| (*ticket, *it))
        {
            if job.deadline <= now {
                self.load.expired(at, Duration::from_secs_f64(now - began));
                self.load.ended(at, Outcome::Expired);
            }
            if self.node.leaves(now, key) {
                self.inside.remove(&ticket);
                self.line.end(at, ticket);
            }
        }
        self.fill(now);
    }

    fn next(&self) -> f64 {
        self.acts_at
    }

    fn act(&mut self, now: f64, ended: &mut Vec<Ended>) {
        if self.node.next() <= now {
            let mut of_node = std::mem::take(&mut self.ended);
            self.node.finish(now, &mut of_node);
            ended.extend(of_node.drain(..).filter_map(|it| self.ends(now, &it)));
            self.ended = of_node;
        }
        self.give_up(now);
        self.fill(now);
        ended.append(&mut self.refused);
        self.plan();
    }

    fn next_change(&mut self, now: f64) -> f64 {
        self.node.next_change(now)
    }

    fn change(&mut self, now: f64) {
        self.node.change(now);
        // Node and sidecar fall and rise together, and know nothing of before. A model server that fails leaves the
        // sidecar as it is, and those inside with an error.
        if self.node.is_silent() {
            self.line = new_line(&self.bounds);
            self.load = Load::default();
            self.waiting.clear();
            self.inside.clear();
        }
        for (ticket, (job, since, _)) in std::mem::take(&mut self.inside) {
            self.load.ended(self.instant(now), Outcome::UpstreamFailed);
            self.line.end(self.instant(now), ticket);
            self.refuse(now, Waited { job, since, start_by: now }, Outcome::UpstreamFailed);
        }
        self.fill(now);
    }

    fn report(&mut self, now: f64, _carrier: Carrier) -> Option<Report> {
        let report = self.load(now)?;
        let named = &report.named_metrics;
        Some(Report {
            in_flight: (named.in_flight + named.queued) as u32,
            latency: 0.0,
            qps: report.rps_fractional as f32,
            eps: report.eps as f32,
            utilization: report.application_utilization as f32,
            wait: (named.estimated_wait_ms / 1e3) as f32,
            service_p95: (named.service_p95_ms / 1e3) as f32,
        })
    }

    fn load(&mut self, now: f64) -> Option<LoadReport> {
        if self.node.is_silent() {
            return None;
        }
        let at = self.instant(now);
        let view = |ask: &_, mean| self.line.view(at, ask, mean);
        let anyone = Claim::anyone(&self.bounds, at);
        let situation = load::predict(&self.load, &self.bounds, at, &anyone, None, view);
        let around = Surroundings { is_ready: true, ..Surroundings::default() };
        Some(load::report(&self.load, &self.bounds, &situation, around))
    }

    fn expected(&self, now: f64, on_the_way: u32, work: f64) -> f64 {
        self.node.expected(now, on_the_way, work)
    }

    fn faults(&self) -> &[Fault] {
        self.node.faults()
    }
}
