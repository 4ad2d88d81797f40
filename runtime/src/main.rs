//! `longshore-runtime`: words in, exit code out.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use longshore_runtime::args::Args;
use longshore_runtime::{run, termination};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

const EX_USAGE: u8 = 64;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // A closed pipe leaves nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EX_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    log_to_stderr();
    let executor = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(executor) => executor,
        Err(error) => {
            tracing::error!(%error, "failed to start the executor");
            return ExitCode::FAILURE;
        }
    };
    let ended = executor.block_on(run(&args));
    // A model that is still loading or computing must not hold up the exit.
    executor.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let message = termination::text(&error);
            tracing::error!(reason = error.reason(), "{message}");
            termination::write(&args.termination_message, &format!("{}: {message}", error.reason()));
            ExitCode::from(error.exit_code())
        }
    }
}

/// `RUST_LOG` takes targets and levels (`info,longshore_runtime=debug`). Not `EnvFilter`: its regular expressions would
/// add a megabyte to the program.
fn log_to_stderr() {
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let ordinary = || Targets::new().with_default(LevelFilter::INFO).with_target("tract", LevelFilter::ERROR);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = tracing_subscriber::registry().with(asked.unwrap_or_else(ordinary));
    if std::io::stderr().is_terminal() { log.with(lines).init() } else { log.with(lines.json()).init() }
}
