//! Tests through the front door: the library's one call, and the program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cli;
mod device;
mod drive;
mod routes;
mod simulate;
mod site;
mod support;
mod tls;
