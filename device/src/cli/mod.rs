//! The commands.

use std::process::ExitCode;

pub(crate) mod args;
mod battery;
mod dice;
mod drive;
mod frames;
mod graph;
mod infer;
pub(crate) mod log;
mod report;
mod row;
mod screen;
mod simulate;
mod spent;
mod stop;
mod tally;
mod watch;

use args::{Args, Command};

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Infer(args) => infer::run(args).await,
        Command::Watch(args) => watch::run(args).await,
        Command::Drive(args) => drive::run(&args),
        Command::Simulate(args) => simulate::run(&args),
    }
}
