//! Where the log goes: standard error, as text for people and as JSON for programs. `RUST_LOG` sets what is in it.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// Begins logging; once per process.
pub fn begin() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_target(false);
    if stderr().is_terminal() {
        subscriber.init();
    } else {
        subscriber.json().flatten_event(true).init();
    }
}
