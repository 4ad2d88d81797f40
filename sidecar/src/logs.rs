//! Where the log goes: standard error, as text for people and as JSON for programs. `RUST_LOG` sets what is in it.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    prelude::*,
};

/// Begins logging; once per process.
pub fn begin() {
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).with_target(false);
    let log = tracing_subscriber::registry().with(filter);
    if stderr().is_terminal() {
        log.with(lines).init();
    } else {
        log.with(lines.json().flatten_event(true)).init();
    }
}
