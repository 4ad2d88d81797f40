//! `longshore-runtime`: words in, exit code out.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use longshore_runtime::args::Args;
use longshore_runtime::{run, termination};

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

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,tract_onnx=error"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() { log.init() } else { log.json().init() }
}
