//! What is run for the report.

use anyhow::Result;

use super::{
    Paths, Results,
    means::{Key, Means},
};
use crate::{
    edge, links,
    policy::{catalogue::Name, pool},
    pool_of_threads, ramp,
    world::tally::Figures,
};

/// Probes per query in the sweep.
const PROBES: [f64; 7] = [4.0, 3.0, 2.0, 1.0, 0.75, 0.5, 0.25];
/// Quantiles that part hot from cold in the sweep.
const HOT: [f64; 7] = [0.0, 0.3, 0.6, 0.84, 0.93, 0.99, 1.0];
/// The level of the sweep of probes, and that of quantiles.
const SWEEP_LOADS: (f64, f64) = (1.14, 0.75);

#[derive(Clone, Copy)]
enum Run {
    Ramp(ramp::Parameters, Key, u64),
    Edge(edge::Parameters, Key, u64),
}

impl Run {
    fn figures(&self) -> Figures {
        match self {
            Self::Ramp(parameters, key, seed) => ramp::run(parameters, key.load, key.policy, *seed).figures(),
            Self::Edge(parameters, key, seed) => edge::run(parameters, key.load, key.policy, *seed).figures(),
        }
    }

    const fn key(&self) -> Key {
        match self {
            Self::Ramp(_, key, _) | Self::Edge(_, key, _) => *key,
        }
    }
}

pub(super) fn all(paths: Paths<'_>, seeds: &[u64]) -> Result<Results> {
    // First, since it is soon over and needs files.
    let links = |cases: &[links::Case]| links::play(paths.device, paths.recordings, cases);
    let (links, by_bandwidth) = (links(&links::cases())?, links(&links::sweep())?);
    Ok(Results {
        links,
        by_bandwidth,
        seeds: seeds.to_vec(),
        ramp: means(&of_ramp(seeds)),
        probes: sweep(&PROBES, |probes| Run::Ramp(with_probes(probes), prequal(SWEEP_LOADS.0), seeds[0])),
        hot: sweep(&HOT, |hot| Run::Ramp(with_hot(hot), prequal(SWEEP_LOADS.1), seeds[0])),
        edge: means(&of_edge(seeds)),
        beyond: means(&beyond(seeds)),
        guarded: means(&with_admission(&seeds[..1], edge::Admission::Everybody)),
        bare: means(&with_admission(&seeds[..1], edge::Admission::Nobody)),
    })
}

fn means(runs: &[Run]) -> Means {
    let figures = pool_of_threads::map(runs, Run::figures);
    Means::over(runs.iter().map(Run::key).zip(figures))
}

fn of_ramp(seeds: &[u64]) -> Vec<Run> {
    let parameters = ramp::Parameters::default();
    let key = |load, policy| Key { servers: parameters.servers, load, policy };
    let keys = ramp::LEVELS.into_iter().flat_map(|load| Name::ALL.map(|policy| key(load, policy)));
    keys.flat_map(|key| seeds.iter().map(move |seed| Run::Ramp(parameters, key, *seed))).collect()
}

fn of_edge(seeds: &[u64]) -> Vec<Run> {
    let fleets = edge::NODES.into_iter().flat_map(|nodes| edge::LOADS.map(|load| (nodes, load)));
    let keys = fleets.flat_map(|(servers, load)| Name::ALL.map(|policy| Key { servers, load, policy }));
    let run = |key: Key, seed| {
        let parameters = edge::Parameters { nodes: key.servers, ..edge::Parameters::default() };
        Run::Edge(parameters, key, seed)
    };
    keys.flat_map(|key| seeds.iter().map(move |seed| run(key, *seed))).collect()
}

fn beyond(seeds: &[u64]) -> Vec<Run> {
    let pool = pool::Parameters::default();
    let parameters = edge::Parameters { pool, ..edge::Parameters::default() };
    let key = |load| Key { servers: parameters.nodes, load, policy: Name::Prequal };
    let run = |load| seeds.iter().map(move |seed| Run::Edge(parameters, key(load), *seed));
    edge::LOADS.into_iter().flat_map(run).collect()
}

/// The middle fleet, with admission before other nodes than ours, or before none.
fn with_admission(seeds: &[u64], admission: edge::Admission) -> Vec<Run> {
    let parameters = edge::Parameters { admission, ..edge::Parameters::default() };
    let policies = [Name::Random, Name::Wrr, Name::P2c, Name::C3, Name::Longshore];
    let key = |load, policy| Key { servers: parameters.nodes, load, policy };
    let keys = edge::LOADS.into_iter().flat_map(|load| policies.map(|policy| key(load, policy)));
    // Without admission the others are as in the tables before.
    let is_new = |key: &Key| admission == edge::Admission::Everybody || key.policy.is_ours();
    let run = |key| seeds.iter().map(move |seed| Run::Edge(parameters, key, *seed));
    keys.filter(is_new).flat_map(run).collect()
}

fn prequal(load: f64) -> Key {
    Key { servers: ramp::Parameters::default().servers, load, policy: Name::Prequal }
}

fn with_probes(probes: f64) -> ramp::Parameters {
    let parameters = ramp::Parameters::default();
    ramp::Parameters { pool: parameters.pool.with_probes(probes), ..parameters }
}

/// Half of the replicas at half speed, as in the published sweep.
fn with_hot(hot: f64) -> ramp::Parameters {
    let parameters = ramp::Parameters::default();
    let pool = pool::Parameters { hot, ..parameters.pool };
    ramp::Parameters { pool, slow: (0.5, 0.5), speed_spread: 0.0, ..parameters }
}

fn sweep(values: &[f64], run: impl Fn(f64) -> Run) -> Vec<(f64, f64)> {
    let runs: Vec<Run> = values.iter().map(|value| run(*value)).collect();
    let figures = pool_of_threads::map(&runs, Run::figures);
    values.iter().zip(figures).map(|(value, figures)| (*value, figures.p99)).collect()
}
