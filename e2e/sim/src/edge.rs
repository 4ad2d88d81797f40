//! The edge: a few nodes of unequal speed that run batches and now and then fail, thousands of devices at unequal
//! distances with deadlines of a fraction of a second, bursts, lost load reports.

use std::time::Duration;

use routing::links::LINKS_MAX;

use crate::{
    agenda::Agenda,
    policy::{
        catalogue::{self, Name, Setting},
        pool,
    },
    random::{Random, Stream},
    server::{
        batcher::{Batch, Batcher, Failing},
        guarded::Guarded,
    },
    world::{self, Coming, Regime, Workload, board::Board, network::Network, tally::Tally},
};

/// Sizes of the fleet.
pub const NODES: [usize; 4] = [4, 8, 16, 32];

/// Load over what all nodes can do with full batches.
pub const LOADS: [f64; 4] = [0.5, 0.7, 0.9, 1.2];

/// Speeds of nodes, over and over.
const SPEEDS: [f64; 4] = [1.0, 2.0, 0.5, 1.0];

/// What a run of the edge is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// Devices.
    pub devices: usize,
    /// Nodes.
    pub nodes: usize,
    /// Batches at a node of speed 1.
    pub batch: Batch,
    /// Faults of each node.
    pub failing: Failing,
    /// Round trips, from and to, in seconds.
    pub round_trip: (f64, f64),
    /// Mean delay of a packet on its way, as a share of that way.
    pub jitter: f64,
    /// Time that a device waits, from and to, in seconds.
    pub patience: (f64, f64),
    /// Time that a device needs to run the model itself, in seconds.
    pub local: f64,
    /// Share of reports that are lost.
    pub lost_reports: f64,
    /// Work of a query is the usual, more or less by this share.
    pub work_spread: f64,
    /// Bursts.
    pub bursts: Bursts,
    /// Before whose nodes our admission stands.
    pub admission: Admission,
    /// What does not count, in seconds.
    pub warm_up: f64,
    /// What counts, in seconds.
    pub time: f64,
    /// Prequal's parameters.
    pub pool: pool::Parameters,
}

/// Before whose nodes our admission stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Those of our policies.
    Ours,
    /// Those of every policy but the oracle, which sends nothing that would be too late anyway.
    Everybody,
    /// None.
    Nobody,
}

/// Many devices at once.
#[derive(Clone, Copy, Debug)]
pub struct Bursts {
    /// Share of all queries that come in bursts.
    pub share: f64,
    /// Work of a burst: so many seconds of the whole fleet.
    pub size: f64,
    /// How long a burst takes to come, in seconds.
    pub lasts: f64,
}

/// Control messages per query that a policy may send.
pub const MESSAGES_MAX: f64 = 0.1;

/// What policies are told to spend of that: whether a probe is sent is chance, and a run of bad luck must not exceed it.
pub const BUDGET: f64 = 0.097;

impl Default for Parameters {
    fn default() -> Self {
        Self {
            devices: 5_000,
            nodes: 16,
            batch: Batch { most: 8, fixed: 0.008, each: 0.003 },
            failing: Failing { every: 60.0, lasts: 3.0, fast: 0.5 },
            round_trip: (0.005, 0.040),
            jitter: 0.1,
            patience: (0.1, 0.3),
            local: 0.05,
            lost_reports: 0.1,
            work_spread: 0.2,
            bursts: Bursts { share: 0.2, size: 0.05, lasts: 0.05 },
            admission: Admission::Ours,
            warm_up: 25.0,
            time: 40.0,
            pool: pool::Parameters::default().with_probes(BUDGET),
        }
    }
}

/// One fleet under one load and one policy.
#[must_use]
pub fn run(parameters: &Parameters, load: f64, name: Name, seed: u64) -> Tally {
    let Parameters { devices, nodes, pool, local, .. } = *parameters;
    let mut policies = Random::new(seed, Stream::Policies);
    let setting = Setting {
        clients: devices,
        servers: nodes,
        pool,
        local,
        budget: BUDGET - board_share(parameters, load, name),
    };
    let chooser = catalogue::chooser(name, setting, &mut policies);
    let servers = fleet(parameters, seed);
    let is_guarded = match parameters.admission {
        Admission::Ours => name.is_ours(),
        Admission::Everybody => name != Name::Oracle,
        Admission::Nobody => false,
    };
    if is_guarded {
        let default = Duration::from_secs_f64(f64::midpoint(parameters.patience.0, parameters.patience.1));
        let servers = servers.into_iter().map(|node| Guarded::new(node, default)).collect();
        let regime =
            Regime { board: board(parameters, load, name, seed), ..regime(parameters, load, seed, servers) };
        world::run(regime, chooser, policies)
    } else {
        world::run(regime(parameters, load, seed, servers), chooser, policies)
    }
}

fn regime<S>(parameters: &Parameters, load: f64, seed: u64, servers: Vec<S>) -> Regime<S> {
    let Parameters { devices, nodes, local, warm_up, time, .. } = *parameters;
    Regime {
        servers,
        workload: Box::new(Bursty::new(parameters, load, seed)),
        network: Network::spread(
            (devices, nodes),
            parameters.round_trip,
            parameters.jitter,
            parameters.lost_reports,
            Random::new(seed, Stream::Network),
        ),
        board: None,
        local,
        warm_up,
        end: warm_up + time,
    }
}

/// Sidecars tell each other at most once a second, and less often where that would take more than half of the budget.
fn board(parameters: &Parameters, load: f64, name: Name, seed: u64) -> Option<Board> {
    let random = Random::new(seed, Stream::Policies).fork();
    let slots = parameters.batch.most as u32;
    (name == Name::LongshoreRoutes)
        .then(|| Board::new(parameters.nodes, board_seconds(parameters, load), slots, random))
}

fn board_seconds(parameters: &Parameters, load: f64) -> f64 {
    let per_round = parameters.nodes * LINKS_MAX.min(parameters.nodes - 1);
    (per_round as f64 / (BUDGET / 2.0 * load * capacity(parameters))).max(1.0)
}

/// Messages between sidecars per query.
fn board_share(parameters: &Parameters, load: f64, name: Name) -> f64 {
    if name != Name::LongshoreRoutes {
        return 0.0;
    }
    let per_round = parameters.nodes * LINKS_MAX.min(parameters.nodes - 1);
    per_round as f64 / board_seconds(parameters, load) / (load * capacity(parameters))
}

/// Queries per second of all nodes with full batches.
fn capacity(parameters: &Parameters) -> f64 {
    parameters.batch.capacity() * (0..parameters.nodes).map(speed).sum::<f64>()
}

fn speed(node: usize) -> f64 {
    SPEEDS[node % SPEEDS.len()]
}

fn fleet(parameters: &Parameters, seed: u64) -> Vec<Batcher> {
    let mut random = Random::new(seed, Stream::Servers);
    let node = |node| Batcher::new(parameters.batch, parameters.failing, speed(node), random.fork());
    (0..parameters.nodes).map(node).collect()
}

#[derive(Clone, Copy)]
enum Next {
    Single,
    Burst,
    OfBurst,
}

/// Queries at random times from random devices, and bursts of them at random times.
struct Bursty {
    random: Random,
    agenda: Agenda<Next>,
    devices: usize,
    patience: (f64, f64),
    work_spread: f64,
    /// Mean seconds between two singles, and between two bursts.
    gap: f64,
    burst_gap: f64,
    burst_size: usize,
    burst_lasts: f64,
}

impl Bursty {
    fn new(parameters: &Parameters, load: f64, seed: u64) -> Self {
        let Parameters { bursts, .. } = *parameters;
        let capacity = capacity(parameters);
        let burst_size = ((capacity * bursts.size) as usize).max(1);
        let mut workload = Self {
            random: Random::new(seed, Stream::Workload),
            agenda: Agenda::default(),
            devices: parameters.devices,
            patience: parameters.patience,
            work_spread: parameters.work_spread,
            gap: 1.0 / (capacity * load * (1.0 - bursts.share)),
            burst_gap: burst_size as f64 / (capacity * load * bursts.share),
            burst_size,
            burst_lasts: bursts.lasts,
        };
        workload.agenda.plan(0.0, Next::Single);
        workload.plan_burst(0.0);
        workload
    }

    fn plan_burst(&mut self, now: f64) {
        let at = now + self.random.exponential(self.burst_gap);
        self.agenda.plan(at, Next::Burst);
    }

    fn burst(&mut self, now: f64) {
        for _ in 0..self.burst_size {
            let at = now + self.random.between(0.0, self.burst_lasts);
            self.agenda.plan(at, Next::OfBurst);
        }
        self.plan_burst(now);
    }

    fn query(&mut self, at: f64) -> Coming {
        let work = self.random.between(1.0 - self.work_spread, 1.0 + self.work_spread);
        let patience = self.random.between(self.patience.0, self.patience.1);
        Coming { at, client: self.random.below(self.devices), work, patience }
    }
}

impl Workload for Bursty {
    fn next(&mut self) -> Coming {
        loop {
            let (now, next) = self.agenda.pop().expect("the next single query is always planned");
            match next {
                Next::Burst => self.burst(now),
                Next::OfBurst => return self.query(now),
                Next::Single => {
                    let at = now + self.random.exponential(self.gap);
                    self.agenda.plan(at, Next::Single);
                    return self.query(now);
                }
            }
        }
    }
}
