//! The command line.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    edge,
    policy::catalogue::Name,
    pool_of_threads, ramp, report,
    show::{Row, table},
};

/// Exit code of bad usage.
pub const USAGE: u8 = 64;

/// Simulates fleets in virtual time; the same seed gives the same figures.
#[derive(Debug, Parser)]
#[command(name = "longshore-sim", version)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The published ramp: 100 clients, 100 servers, nine load levels
    Ramp(Choice),
    /// The edge: 4 to 32 nodes, 5,000 devices, bursts, crashes, fast failures, lost reports
    Edge(Choice),
    /// Recorded links, played by the device's own program: tables, and exit code 1 when a MUST does not hold
    Links(Recorded),
    /// All of it under every policy, with seeds and links that nothing was tuned with: tables, plots, and exit code 1 when a
    /// MUST does not hold
    Report {
        /// Folder of simulation.md and decision.md, which get the tables, and of the plots
        docs: PathBuf,
        #[command(flatten)]
        recorded: Recorded,
        /// Seeds; may be given more than once
        #[arg(long = "seed", value_name = "SEED", default_values_t = report::SEEDS)]
        seeds: Vec<u64>,
    },
}

#[derive(Debug, clap::Args)]
struct Recorded {
    /// The program longshore-device
    #[arg(long, value_name = "PROGRAM")]
    device: PathBuf,
    /// Folder of recorded links
    #[arg(long, value_name = "FOLDER", default_value = "e2e/traces")]
    recordings: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Choice {
    /// Policy; may be given more than once [default: all]
    #[arg(long = "policy", value_name = "NAME")]
    policies: Vec<Name>,
    /// Seed of all random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object per run instead of a table
    #[arg(long)]
    json: bool,
}

/// Does what the command line says.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let held = match &args.command {
        Command::Ramp(choice) => Ok(show(choice, &ramp(choice))),
        Command::Edge(choice) => Ok(show(choice, &edge(choice))),
        Command::Links(Recorded { device, recordings }) => report::links(device, recordings),
        Command::Report { docs, recorded: Recorded { device, recordings }, seeds } => {
            report::run(report::Paths { docs, device, recordings }, seeds)
        }
    };
    match held {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn ramp(choice: &Choice) -> Vec<Row> {
    let parameters = ramp::Parameters::default();
    let runs: Vec<(Name, f64)> =
        choice.names().into_iter().flat_map(|name| ramp::LEVELS.map(|load| (name, load))).collect();
    pool_of_threads::map(&runs, |&(policy, load)| Row {
        regime: "ramp",
        policy,
        servers: parameters.servers,
        load,
        seed: choice.seed,
        figures: ramp::run(&parameters, load, policy, choice.seed).figures(),
    })
}

fn edge(choice: &Choice) -> Vec<Row> {
    let fleets = edge::NODES.into_iter().flat_map(|nodes| edge::LOADS.map(|load| (nodes, load)));
    let runs: Vec<(usize, f64, Name)> = fleets
        .flat_map(|(nodes, load)| choice.names().into_iter().map(move |name| (nodes, load, name)))
        .collect();
    pool_of_threads::map(&runs, |&(nodes, load, policy)| {
        let parameters = edge::Parameters { nodes, ..edge::Parameters::default() };
        Row {
            regime: "edge",
            policy,
            servers: nodes,
            load,
            seed: choice.seed,
            figures: edge::run(&parameters, load, policy, choice.seed).figures(),
        }
    })
}

impl Choice {
    fn names(&self) -> Vec<Name> {
        if self.policies.is_empty() { Name::ALL.to_vec() } else { self.policies.clone() }
    }
}

/// Prints; a run has nothing that must hold.
fn show(choice: &Choice, rows: &[Row]) -> bool {
    if choice.json {
        for row in rows {
            println!("{}", serde_json::to_string(row).expect("numbers and fixed keys always serialise"));
        }
    } else {
        print!("{}", table(rows));
    }
    true
}
