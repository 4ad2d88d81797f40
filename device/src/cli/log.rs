//! Logs go to standard error: for people on a terminal, as JSON elsewhere.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Starts logging at `warn`, or as `RUST_LOG` says.
pub(crate) fn start() {
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    let log = tracing_subscriber::registry().with(filter);
    if stderr().is_terminal() { log.with(lines).init() } else { log.with(lines.json()).init() }
}
