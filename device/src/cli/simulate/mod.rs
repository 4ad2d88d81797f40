//! `simulate`: a link trace in virtual time, through the shipping decision or through a rule to compare it with.

use std::collections::VecDeque;
use std::fs;
use std::io::{Write as _, stdout};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::json;
use wire::PolicyBundle;
use wire::bundle::OffloadPolicy;

use super::args::{Policy, SimulateArgs};
use baselines::{Regression, Rule};
use longshore::Longshore;
use tally::{Summary, Tally};
use trace::Trace;
use world::{Player, Setting, play};

mod baselines;
mod edge;
mod fitted;
mod generator;
#[cfg(test)]
mod generator_tests;
mod longshore;
mod meter;
mod tally;
mod trace;
mod world;

#[derive(Serialize)]
struct OfTrace<'a> {
    trace: &'a str,
    #[serde(flatten)]
    summary: Summary,
}

pub(crate) fn run(args: &SimulateArgs) -> anyhow::Result<ExitCode> {
    let setting = Setting {
        bytes: args.input_bytes,
        local_us: args.local_ms * 1_000,
        server_us: args.server_ms as f64 * 1_000.0,
        deadline_us: args.deadline_ms * 1_000,
        period_us: args.period_ms * 1_000,
        battery_percent: args.battery_percent,
        profile: args.power.profile(),
        seed: args.seed,
    };
    let wishes = args.bundle.as_deref().map(wishes).transpose()?.unwrap_or_default();
    let open = |path: &String| Trace::open(path, args.bandwidth_percent, args.seed);
    let traces = args.traces.iter().map(open).collect::<anyhow::Result<Vec<_>>>()?;
    let tallies: Vec<Tally> =
        traces.iter().map(|trace| judge(args.policy, setting, &wishes, trace)).collect();
    let mut pooled = Tally::default();
    tallies.iter().for_each(|tally| pooled.add(tally));
    let mut object = json!(pooled.summary());
    if args.per_trace {
        let of_trace = |(trace, tally): (&Trace, &Tally)| {
            json!(OfTrace { trace: &trace.name, summary: tally.summary() })
        };
        object["traces"] = traces.iter().zip(&tallies).map(of_trace).collect();
    }
    writeln!(stdout(), "{object}")?;
    Ok(ExitCode::SUCCESS)
}

/// What the owner wishes, of a policy bundle.
fn wishes(file: &Path) -> anyhow::Result<OffloadPolicy> {
    let text = fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
    let bundle: PolicyBundle = serde_json::from_slice(&text)
        .with_context(|| format!("{} holds no policy bundle", file.display()))?;
    Ok(bundle.policy)
}

/// One policy on one trace, with the oracle beside it.
fn judge(policy: Policy, setting: Setting, wishes: &OffloadPolicy, trace: &Trace) -> Tally {
    let oracle_us = tally(&mut Rule::Oracle, setting, trace).sum_us();
    let mut tally = tally(player(policy, &setting, wishes).as_mut(), setting, trace);
    tally.oracle_us = oracle_us;
    tally
}

fn tally(player: &mut dyn Player, setting: Setting, trace: &Trace) -> Tally {
    let world = play(setting, trace, player);
    let mut tally = world.tally;
    tally.joules = world.meter.joules();
    tally
}

fn player(policy: Policy, setting: &Setting, wishes: &OffloadPolicy) -> Box<dyn Player> {
    Box::new(match policy {
        Policy::Longshore => return Box::new(Longshore::new(setting, wishes.clone())),
        Policy::AlwaysLocal => Rule::AlwaysLocal,
        Policy::AlwaysOffload => Rule::AlwaysOffload,
        Policy::Ewma => Rule::Ewma(None),
        Policy::Harmonic => Rule::Harmonic(VecDeque::new()),
        Policy::RaceBoth => Rule::RaceBoth,
        Policy::Neurosurgeon => Rule::Neurosurgeon(Regression::default()),
        Policy::Oracle => Rule::Oracle,
    })
}
