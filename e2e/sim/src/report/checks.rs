//! What must hold, and what is aimed at. In: all figures. Out: each line with what was reached.

use super::{
    Results,
    means::{Key, Means},
};
use crate::{edge, links::promises, policy::catalogue::Name, ramp, world::tally::Figures};

/// How much a line weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The command fails without it.
    Must,
    /// It is aimed at.
    Goal,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Check {
    /// How much it weighs.
    pub level: Level,
    /// What should be.
    pub what: String,
    /// What is.
    pub reached: String,
    /// Whether that is enough.
    pub holds: bool,
}

/// Loads from which the aims of the ramp count.
const RAMP_FROM: f64 = 1.03;
/// Loads at which those of the edge count.
const EDGE_AT: [f64; 2] = [0.9, 1.2];
/// A share that counts as none: what the oracle may lose against anybody by chance.
const NOISE: f64 = 1.02;
/// The oracle of the edge sees everything and plans one request at a time: what it gives up may be in time after all, where
/// others leave.
const GREEDY: f64 = 1.05;

/// Every line.
#[must_use]
pub fn all(results: &Results) -> Vec<Check> {
    let mut checks = published(results);
    checks.extend(edge_musts(&results.edge));
    checks.extend(ramp_goals(&results.ramp));
    checks.extend(edge_goals(&results.edge));
    checks.extend(promises::all(&results.links));
    checks
}

/// The shape of the published figures (NSDI'24): that ours come from a world like theirs.
fn published(results: &Results) -> Vec<Check> {
    let ramp = |policy, load| results.ramp.of(Key { servers: 100, load, policy });
    let (before, at) = (ramp(Name::Wrr, 0.93).p999, ramp(Name::Wrr, 1.03).p999);
    let errors = ramp(Name::Wrr, 1.74).misses;
    let prequal = worst(ramp::LEVELS.map(|load| ramp(Name::Prequal, load).misses));
    let cliff = at_value(&results.probes, 0.5) / at_value(&results.probes, 1.0);
    let slope = at_value(&results.probes, 1.0) / at_value(&results.probes, 2.0);
    let blind = at_value(&results.hot, 1.0) / at_value(&results.hot, 0.84);
    let oracle =
        worst(results.ramp.iter().map(|(key, figures)| ramp(Name::Oracle, key.load).p99 / figures.p99));
    vec![
        must(
            "weighted round robin reaches the deadline at 1.03 and not at 0.93 (p99.9)",
            format!("{at:.0} and {before:.0} ms"),
            at >= 4_990.0 && before < 4_000.0,
        ),
        must("weighted round robin has more than 25 % errors at 1.74", percent(errors), errors > 0.25),
        must("Prequal has no errors at any level", percent(prequal), prequal == 0.0),
        must(
            "half a probe per query costs more of Prequal's p99 than one instead of two",
            format!("{cliff:.2} and {slope:.2} times"),
            cliff > slope && cliff > 1.3,
        ),
        must(
            "latency alone (a quantile of 1) is worse for Prequal's p99 than 0.84",
            format!("{blind:.2} times"),
            blind > 1.1,
        ),
        must(
            "the oracle is beaten by nobody on the ramp (p99)",
            format!("{oracle:.2} of the best"),
            oracle <= NOISE,
        ),
    ]
}

fn edge_musts(edge: &Means) -> Vec<Check> {
    let messages = worst(edge.iter().map(|(_, figures)| figures.control));
    let forgotten = edge
        .iter()
        .filter(|(key, _)| key.policy.is_ours())
        .try_fold(0.0_f64, |longest, (_, figures)| figures.forgotten.map(|time| longest.max(time)));
    let oracle = worst(edge.iter().map(|(key, figures)| {
        let best = edge.of(Key { policy: Name::Oracle, ..*key });
        (best.misses + best.local) / (figures.misses + figures.local)
    }));
    vec![
        must(
            "at most 0.1 control messages per request at the edge",
            format!("{messages:.3}"),
            messages <= edge::MESSAGES_MAX,
        ),
        must(
            "ours forgets a crash within 2 s",
            forgotten.map_or_else(|| "never".to_owned(), |seconds| format!("{seconds:.2} s")),
            forgotten.is_some_and(|seconds| seconds <= 2.0),
        ),
        must(
            "the oracle is beaten by nobody at the edge by more than a twentieth (requests that no node answers)",
            format!("{oracle:.2} of the best"),
            oracle <= GREEDY,
        ),
    ]
}

fn ramp_goals(means: &Means) -> Vec<Check> {
    let levels = || ramp::LEVELS.into_iter().filter(|load| *load >= RAMP_FROM);
    let of = |policy, load| means.of(Key { servers: 100, load, policy });
    let against = |ours, figure: fn(&Figures) -> f64, peer| {
        worst(levels().map(|load| figure(&of(ours, load)) / figure(&of(peer, load))))
    };
    let errors = worst(levels().map(|load| of(Name::Longshore, load).misses));
    let (p99, p999) = (|it: &Figures| it.p99, |it: &Figures| it.p999);
    vec![
        goal("ramp, from 1.03: ours has no errors", format!("{:.5} %", errors * 100.0), errors == 0.0),
        at_most("ramp, from 1.03: p99 over Prequal's", against(Name::Longshore, p99, Name::Prequal), 0.88),
        at_most("ramp, from 1.03: p99.9 over Prequal's", against(Name::Longshore, p999, Name::Prequal), 0.75),
        at_most(
            "ramp, from 1.03, with routes: p99 over the oracle's",
            against(Name::LongshoreRoutes, p99, Name::Oracle),
            1.25,
        ),
    ]
}

fn edge_goals(means: &Means) -> Vec<Check> {
    let against = |ours: Name, figure: fn(&Figures) -> f64, loads: &[f64]| {
        let fleets =
            edge::NODES.into_iter().flat_map(|servers| loads.iter().map(move |load| (servers, *load)));
        worst(fleets.map(|(servers, load)| {
            let of = |policy| figure(&means.of(Key { servers, load, policy }));
            of(ours) / PEERS.into_iter().map(of).fold(f64::INFINITY, f64::min)
        }))
    };
    let (misses, p99) = (|it: &Figures| it.misses, |it: &Figures| it.p99);
    let of = |ours: Name| {
        let line = |what: &str, figure, loads: &[f64], limit| {
            let what = format!("edge, {}, {what} over the best peer's", ours.word());
            let check = at_most(&what, against(ours, figure, loads), limit);
            // What is beyond whoever knows everything is not to be had by choosing nodes.
            let oracle = against(Name::Oracle, figure, loads);
            Check { reached: format!("{}; the oracle {oracle:.2}", check.reached), ..check }
        };
        [
            line("0.9 and 1.2: misses", misses, &EDGE_AT, 0.33),
            line("0.9 and 1.2: p99", p99, &EDGE_AT, 0.6),
            line("any load: misses", misses, &edge::LOADS, 1.05),
            line("any load: p99", p99, &edge::LOADS, 1.05),
        ]
    };
    [of(Name::Longshore), of(Name::LongshoreRoutes)].concat()
}

/// Policies of others.
const PEERS: [Name; 6] = [Name::Random, Name::Wrr, Name::P2c, Name::C3, Name::C3Pool, Name::Prequal];

/// A line without which the command fails.
pub(crate) fn must(what: &str, reached: String, holds: bool) -> Check {
    Check { level: Level::Must, what: what.to_owned(), reached, holds }
}

/// A line that is aimed at.
pub(crate) fn goal(what: &str, reached: String, holds: bool) -> Check {
    Check { level: Level::Goal, what: what.to_owned(), reached, holds }
}

/// A ratio that is aimed at.
pub(crate) fn at_most(what: &str, ratio: f64, limit: f64) -> Check {
    goal(&format!("{what}: at most {limit}"), format!("{ratio:.2} at worst"), ratio <= limit)
}

fn worst(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, f64::max)
}

fn at_value(sweep: &[(f64, f64)], value: f64) -> f64 {
    sweep.iter().find(|(known, _)| *known == value).expect("the sweep has this value").1
}

fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}
