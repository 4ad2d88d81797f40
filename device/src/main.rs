//! `longshore-device`: the device library as a program.

use std::process::ExitCode;

use clap::Parser;

mod cli;

/// Bad usage, as in sysexits.h.
const USAGE: u8 = 64;
/// Bad configuration, as in sysexits.h.
const CONFIG: u8 = 78;

fn main() -> ExitCode {
    let args = match cli::args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { 0 };
            // Nothing is left to tell when even this cannot be printed.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    cli::log::start();
    // One thread is enough: it only waits. Models and decoders run on threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(cli::run(args));
            // A model run that nobody waits for any more must not hold the exit up.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(error.into()),
    };
    result.unwrap_or_else(|error| {
        eprintln!("longshore-device: {error:#}");
        ExitCode::from(if error.is::<longshore_device::BuildError>() { CONFIG } else { 1 })
    })
}
