//! Longshore's default model server: the Open Inference Protocol v2 over HTTP, ONNX models on the CPU.
//!
//! Enters: a folder of models and HTTP requests. Leaves: tensors, or one JSON error that names what is wrong. It stands
//! behind the sidecar on loopback or a Unix socket; it must never wait without a limit or end because of a request.

mod app;
pub mod args;
mod connection;
mod failure;
mod listen;
mod protocol;
mod repository;
mod routes;
mod run;
mod stall;
pub mod termination;

pub use run::{RunError, run};
