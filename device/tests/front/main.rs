//! Tests through the front door: the library's one call, and the program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod adversity;
mod cli;
mod device;
mod discovery;
mod dns;
mod drive;
mod network;
mod routes;
mod simulate;
mod site;
mod support;
mod tls;
mod watch;
