//! The operator: watches `InferenceOffload`s and what they own, writes children and status. It only does; what to do is
//! decided in the `plan` crate.
//!
//! Reading order: [`run`] -> [`reconcile`] -> [`fetch`] -> (`plan`) -> [`apply`] -> [`observe`] -> (`plan`) -> [`publish`].

mod admin;
mod apply;
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
use tracing_subscriber::EnvFilter;

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
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube=error"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        log.init();
    } else {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    }
}
