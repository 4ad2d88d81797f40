//! The API as its users meet it: definitions that fit and explain themselves, rules that two judges agree on (the same
//! table through a CEL interpreter and through a real API server), and the chart that carries them.

#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

mod apiserver;
mod chart;
mod client;
mod docs;
mod manifest;
mod objects;
mod rules;
mod tools;
