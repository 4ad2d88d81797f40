//! `longshore-sidecar`: the offload endpoint, and the small commands around it. In: arguments. Out: an exit code.

mod admin;
mod args;
mod auth;
mod config;
mod drain;
mod endpoint;
#[cfg(test)]
mod fuzzed;
mod grpc;
mod listen;
mod load;
mod logs;
mod metrics;
mod model;
mod peers;
mod proxy;
mod queue;
mod quota;
mod ready;
mod run;
mod trace;
mod usage;
mod warmup;

use std::{path::Path, process::ExitCode};

use args::{Arguments, Command};
use clap::{Parser, error::ErrorKind};
use endpoint::Endpoint;

const BAD_USAGE: u8 = 64;
const BAD_CONFIGURATION: u8 = 78;
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Printing can fail only when nobody reads.
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { ExitCode::SUCCESS } else { BAD_USAGE.into() };
        }
    };
    logs::begin();
    match (arguments.command, arguments.config) {
        (Some(Command::Drain { socket }), _) => ended(drain::command(&socket).map_err(anyhow::Error::from)),
        (Some(Command::Fetch(fetch)), _) => model::fetch(&fetch),
        (Some(Command::Verify(verify)), _) => model::verify(&verify),
        (None, Some(file)) => serve(&file),
        (None, None) => BAD_USAGE.into(),
    }
}

fn serve(file: &Path) -> ExitCode {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(file = %file.display(), %error, "cannot read the configuration");
            return BAD_CONFIGURATION.into();
        }
    };
    let config = config::parse(&text, |name| std::env::var(name).ok());
    let endpoint = match config.and_then(Endpoint::new) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            tracing::error!(file = %file.display(), %error, "bad configuration");
            return BAD_CONFIGURATION.into();
        }
    };
    // One thread: a sidecar asks for a hundredth of a CPU, and waking another core costs more than the work.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    ended(runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run::run(endpoint))))
}

fn ended(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "failed");
            FAILED.into()
        }
    }
}
