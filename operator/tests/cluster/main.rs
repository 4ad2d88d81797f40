//! The operator as a process against a real API server and controller manager. There is no node: [`kubelet`] says what a
//! kubelet would say and answers the handshakes.
//!
//! Needs the programs that `e2e/cluster/tools.sh` makes.

#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

mod children;
mod conditions;
mod faults;
mod fixtures;
mod kubelet;
mod operator;
mod server;
mod serving;
