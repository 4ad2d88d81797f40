//! `longshore-sim`: simulates fleets in virtual time, through the policies of others and ours.

use std::process::ExitCode;

use clap::Parser;
use longshore_sim::cli::{self, Args};

fn main() -> ExitCode {
    match Args::try_parse() {
        Ok(args) => cli::run(&args),
        Err(error) => {
            // Help and version are no errors.
            let code = if error.use_stderr() { cli::USAGE } else { 0 };
            let _ = error.print();
            ExitCode::from(code)
        }
    }
}
