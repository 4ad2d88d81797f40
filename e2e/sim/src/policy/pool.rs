//! Prequal (Wydrowski et al., NSDI'24, section 4), asynchronous mode: a pool of answers to probes, which serve later
//! queries. The rule that picks from the pool is a part of its own, so that C3's rule can take its place there as it does
//! in the paper's comparison of nine rules.

use super::{Answer, Moment, Order, Policy, Verdict, c3::Score};
use crate::{random::Random, server::Report};

/// Latest observations of queries in flight whose quantile parts hot from cold.
const OBSERVED: usize = 128;

/// The published parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Entries of the pool at most, `m`.
    pub pool: usize,
    /// An entry older than this many seconds is dropped.
    pub age: f64,
    /// Probes per query, `r_probe`.
    pub probes: f64,
    /// Entries removed per query, `r_remove`.
    pub removals: f64,
    /// The quantile that parts hot from cold, `Q_RIF`.
    pub hot: f64,
    /// The `delta` of the reuse.
    pub delta: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { pool: 16, age: 1.0, probes: 3.0, removals: 1.0, hot: 0.84, delta: 1.0 }
    }
}

impl Parameters {
    /// The same with so many probes per query. Removals keep their share of them, else the pool would run empty.
    #[must_use]
    pub fn with_probes(self, probes: f64) -> Self {
        Self { probes, removals: self.removals * probes / self.probes, ..self }
    }

    /// How often an entry serves, `b_reuse`.
    fn reuse(&self, servers: usize) -> f64 {
        let renewed = (1.0 - self.pool as f64 / servers as f64) * self.probes - self.removals;
        if renewed > 0.0 { ((1.0 + self.delta) / renewed).max(1.0) } else { f64::from(u16::MAX) }
    }
}

/// How an entry is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Hot-cold lexicographic: the lowest latency among the cold, else the fewest queries.
    HotCold,
    /// The lowest score of C3.
    C3 {
        /// How many clients there are.
        clients: usize,
    },
}

#[derive(Clone, Copy)]
struct Entry {
    server: usize,
    in_flight: u32,
    latency: f32,
    at: f64,
    uses: usize,
}

/// Prequal over some servers.
pub struct Pool {
    parameters: Parameters,
    rule: Rule,
    /// In order of arrival.
    entries: Vec<Entry>,
    observed: Vec<u32>,
    oldest_observed: usize,
    scores: Vec<Score>,
    reuse: f64,
    removes_worst: bool,
    random: Random,
}

impl Pool {
    /// Over so many servers, of which nothing is known.
    #[must_use]
    pub fn new(servers: usize, parameters: Parameters, rule: Rule, random: Random) -> Self {
        // A pool as large as the fleet would leave nobody to renew it with.
        let parameters = Parameters { pool: parameters.pool.min(servers / 2), ..parameters };
        Self {
            parameters,
            rule,
            entries: Vec::with_capacity(parameters.pool + 1),
            observed: Vec::with_capacity(OBSERVED),
            oldest_observed: 0,
            scores: vec![Score::default(); servers],
            reuse: parameters.reuse(servers),
            removes_worst: false,
            random,
        }
    }

    fn pick(&mut self, random: &mut Random) -> usize {
        if self.entries.len() < 2 {
            return random.below(self.scores.len());
        }
        let chosen = match self.rule {
            Rule::HotCold => self.hot_cold(),
            Rule::C3 { clients } => self.lowest_score(clients as f64),
        };
        let entry = &mut self.entries[chosen];
        let server = entry.server;
        // Its own query counts at once.
        entry.in_flight += 1;
        entry.uses -= 1;
        if entry.uses == 0 {
            self.entries.remove(chosen);
        }
        server
    }

    fn hot_cold(&self) -> usize {
        let limit = self.hot_from();
        let latency = |index: &usize| self.entries[*index].latency;
        let cold = (0..self.entries.len()).filter(|index| self.entries[*index].in_flight <= limit);
        cold.min_by(|a, b| latency(a).total_cmp(&latency(b))).unwrap_or_else(|| self.fewest())
    }

    fn fewest(&self) -> usize {
        (0..self.entries.len()).min_by_key(|index| self.entries[*index].in_flight).unwrap_or_default()
    }

    fn lowest_score(&self, clients: f64) -> usize {
        let value = |index: &usize| self.scores[self.entries[*index].server].value(clients);
        (0..self.entries.len()).min_by(|a, b| value(a).total_cmp(&value(b))).unwrap_or_default()
    }

    /// Queries in flight above which a server is hot.
    fn hot_from(&self) -> u32 {
        let mut observed = [0; OBSERVED];
        let count = self.observed.len();
        observed[..count].copy_from_slice(&self.observed);
        let rank = ((count as f64 * self.parameters.hot) as usize).min(count - 1);
        *observed[..count].select_nth_unstable(rank).1
    }

    /// In turn the oldest entry and the worst: of the hot the one with most queries, without any the slowest.
    fn remove_one(&mut self) {
        if self.entries.is_empty() {
            return;
        }
        let index = if self.removes_worst { self.worst() } else { 0 };
        self.removes_worst = !self.removes_worst;
        self.entries.remove(index);
    }

    fn worst(&self) -> usize {
        let limit = self.hot_from();
        let all = 0..self.entries.len();
        let hot = all.clone().filter(|index| self.entries[*index].in_flight > limit);
        let latency = |index: &usize| self.entries[*index].latency;
        hot.max_by_key(|index| self.entries[*index].in_flight)
            .or_else(|| all.max_by(|a, b| latency(a).total_cmp(&latency(b))))
            .unwrap_or_default()
    }

    fn observe(&mut self, in_flight: u32) {
        if self.observed.len() < OBSERVED {
            self.observed.push(in_flight);
        } else {
            self.observed[self.oldest_observed] = in_flight;
            self.oldest_observed = (self.oldest_observed + 1) % OBSERVED;
        }
    }
}

impl Policy for Pool {
    fn start(&mut self, moment: &mut Moment<'_>) {
        let born = moment.now - self.parameters.age;
        self.entries.retain(|entry| entry.at >= born);
        let server = self.pick(moment.random);
        self.scores[server].sent();
        moment.order(Order::Send(server));
        for _ in 0..moment.random.round(self.parameters.removals) {
            self.remove_one();
        }
        let probes = moment.random.round(self.parameters.probes).min(self.scores.len());
        let first = moment.orders.len();
        while moment.orders.len() < first + probes {
            let probe = Order::Probe(moment.random.below(self.scores.len()));
            if !moment.orders[first..].contains(&probe) {
                moment.order(probe);
            }
        }
    }

    fn answered(&mut self, _moment: &mut Moment<'_>, answer: &Answer) -> Verdict {
        self.scores[answer.server].answered(answer);
        Verdict::Final
    }

    fn probed(&mut self, now: f64, server: usize, _round_trip: f64, report: Option<&Report>) {
        let Some(report) = report else { return };
        self.observe(report.in_flight);
        self.scores[server].queued(report);
        if self.entries.len() == self.parameters.pool {
            self.entries.remove(0);
        }
        let uses = self.random.round(self.reuse).max(1);
        let (in_flight, latency) = (report.in_flight, report.latency);
        self.entries.push(Entry { server, in_flight, latency, at: now, uses });
    }
}
