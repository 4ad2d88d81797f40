//! The published ramp (Wydrowski et al., NSDI'24, section 5.1): clients, replicas with an allotment on machines that others
//! use too, and a load that rises through nine levels.

use routing::links::LINKS_MAX;

use crate::{
    policy::{
        catalogue::{self, Name, Setting},
        pool,
    },
    random::{Random, Stream},
    server::sharing::{Machine, Sharing},
    world::{self, Coming, Regime, Workload, board::Board, network::Network, tally::Tally},
};

/// Load over what is allotted: from 0.75 on, each 10/9 of the one before, as the paper rounds them.
pub const LEVELS: [f64; 9] = [0.75, 0.83, 0.93, 1.03, 1.14, 1.27, 1.41, 1.57, 1.74];

/// Mean of a normal distribution whose deviation is its mean, cut at 0, over that mean: `1 + phi(1) / Phi(1)`.
const CUT_MEAN: f64 = 1.287_6;

/// What a run of the ramp is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// Clients.
    pub clients: usize,
    /// Servers.
    pub servers: usize,
    /// Mean work of a query, in seconds of one core.
    pub work: f64,
    /// Round trip, in seconds.
    pub round_trip: f64,
    /// Time that a client waits, in seconds.
    pub deadline: f64,
    /// Machines.
    pub machine: Machine,
    /// Speeds of replicas are drawn evenly from 1 less this to 1 and this.
    pub speed_spread: f64,
    /// Share of replicas that are slow, and how slow: the published sweep of `Q_RIF` has two speeds.
    pub slow: (f64, f64),
    /// What does not count, in seconds.
    pub warm_up: f64,
    /// What counts, in seconds.
    pub time: f64,
    /// Prequal's parameters.
    pub pool: pool::Parameters,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            clients: 100,
            servers: 100,
            work: 0.080,
            round_trip: 0.000_5,
            deadline: 5.0,
            machine: Machine {
                allotment: 4.0,
                contended_share: 0.6,
                contended_seconds: 20.0,
                contended: (1.0, 1.0),
                spare: (4.0, 4.0),
            },
            speed_spread: 0.2,
            slow: (0.0, 1.0),
            warm_up: 30.0,
            time: 45.0,
            pool: pool::Parameters::default(),
        }
    }
}

/// One level of the ramp under one policy.
#[must_use]
pub fn run(parameters: &Parameters, load: f64, name: Name, seed: u64) -> Tally {
    let Parameters { clients, servers, pool, warm_up, time, round_trip, .. } = *parameters;
    let mut policies = Random::new(seed, Stream::Policies);
    let setting = Setting {
        clients,
        servers,
        pool,
        local: f64::INFINITY,
        budget: pool.probes - board_share(parameters, load, name),
    };
    let chooser = catalogue::chooser(name, setting, &mut policies);
    let regime = Regime {
        servers: replicas(parameters, seed),
        workload: Box::new(Poisson::new(parameters, load, seed)),
        network: Network::even(round_trip, Random::new(seed, Stream::Network)),
        board: (name == Name::LongshoreRoutes).then(|| board(parameters, seed)),
        local: f64::INFINITY,
        warm_up,
        end: warm_up + time,
    };
    world::run(regime, chooser, policies)
}

/// Sidecars of replicas tell each other this often.
const BOARD_SECONDS: f64 = 0.25;

fn board(parameters: &Parameters, seed: u64) -> Board {
    let random = Random::new(seed, Stream::Policies).fork();
    let slots = parameters.machine.allotment as u32;
    Board::new(parameters.servers, BOARD_SECONDS, slots, random)
}

/// Messages between sidecars per query.
fn board_share(parameters: &Parameters, load: f64, name: Name) -> f64 {
    let per_round = (parameters.servers * LINKS_MAX) as f64;
    let queries = load * parameters.machine.allotment * parameters.servers as f64 / parameters.work;
    if name == Name::LongshoreRoutes { per_round / BOARD_SECONDS / queries } else { 0.0 }
}

fn replicas(parameters: &Parameters, seed: u64) -> Vec<Sharing> {
    let mut random = Random::new(seed, Stream::Servers);
    let slow = (parameters.servers as f64 * parameters.slow.0) as usize;
    (0..parameters.servers)
        .map(|index| {
            let spread = parameters.speed_spread;
            let speed = random.between(1.0 - spread, 1.0 + spread);
            let speed = if index < slow { speed * parameters.slow.1 } else { speed };
            Sharing::new(parameters.machine, speed, parameters.work, random.fork())
        })
        .collect()
}

/// Queries at random times from random clients.
struct Poisson {
    random: Random,
    at: f64,
    gap: f64,
    clients: usize,
    /// The normal distribution's mean and deviation.
    work: f64,
    patience: f64,
}

impl Poisson {
    fn new(parameters: &Parameters, load: f64, seed: u64) -> Self {
        let allotted = parameters.machine.allotment * parameters.servers as f64;
        Self {
            random: Random::new(seed, Stream::Workload),
            at: 0.0,
            gap: parameters.work / (load * allotted),
            clients: parameters.clients,
            work: parameters.work / CUT_MEAN,
            patience: parameters.deadline,
        }
    }
}

impl Workload for Poisson {
    fn next(&mut self) -> Coming {
        self.at += self.random.exponential(self.gap);
        let client = self.random.below(self.clients);
        let work = loop {
            let work = self.random.normal(self.work, self.work);
            if work > 0.0 {
                break work;
            }
        };
        Coming { at: self.at, client, work, patience: self.patience }
    }
}
