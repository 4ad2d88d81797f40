//! The operator: watches `InferenceOffload`s and what they own, writes children and status. It only does; what to do is
//! decided in the `plan` crate.
//!
//! Reading order: [`run`] -> [`reconcile`] -> [`fetch`] -> (`plan`) -> [`apply`] -> [`observe`] -> (`plan`) -> [`publish`].

mod admin;
mod apply;
mod certificate;
mod classes;
mod config;
mod context;
mod error;
mod events;
mod fetch;
mod metrics;
mod observe;
mod probe;
mod publish;
mod reconcile;
mod refusal;
mod retry;
mod run;
mod shutdown;
mod stores;
mod trim;
mod watch;

use std::{io::IsTerminal as _, process::ExitCode};

use clap::Parser as _;
use config::{Cli, Command, Config};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    prelude::*,
};

/// The command line is wrong.
const EXIT_USAGE: u8 = 64;
/// The configuration is wrong.
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing has chosen a crypto provider before main");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { EXIT_USAGE } else { 0 };
            // A closed pipe is no reason for another exit code.
            let _ = error.print();
            return code.into();
        }
    };
    match cli.command {
        Command::Crds => {
            print!("{}", crds::manifest::yaml());
            ExitCode::SUCCESS
        }
        Command::Run(args) => {
            log_to_stderr();
            // One thread: the work is waiting for the API server, and memory is counted.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("an event loop needs no more than file descriptors");
            runtime.block_on(start(args))
        }
    }
}

async fn start(args: config::RunArgs) -> ExitCode {
    let config = match Config::load(args).await {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the configuration is wrong");
            return EXIT_CONFIG.into();
        }
    };
    match run::run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "stopped");
            ExitCode::FAILURE
        }
    }
}

fn log_to_stderr() {
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let ordinary = || Targets::new().with_default(LevelFilter::INFO).with_target("kube", LevelFilter::ERROR);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = tracing_subscriber::registry().with(asked.unwrap_or_else(ordinary));
    if std::io::stderr().is_terminal() {
        log.with(lines).init();
    } else {
        log.with(lines.json().flatten_event(true).with_current_span(false).with_span_list(false)).init();
    }
}
