//! The sidecar through its front door: a real process, a scripted model server behind it, clients that speak bytes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod auth;
mod command;
mod conformance;
mod credits;
mod crowds;
mod download;
mod drain;
mod floods;
mod frames;
mod framing;
mod grpc;
mod grpc_client;
mod grpc_health;
mod grpc_limits;
mod grpc_load;
mod grpc_server;
mod harness;
mod honest;
mod http2;
mod limits;
mod load;
mod musts;
mod musts_http2;
mod orca;
mod order;
mod outcomes;
mod pages;
mod passage;
mod peers;
mod quota;
mod readiness;
mod reflection;
mod server;
mod site;
mod slots;
mod tls;
mod tokens;
#[cfg(feature = "otlp")]
mod traces;
