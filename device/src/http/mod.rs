//! The device's side of the wire: connections, inferences, and what endpoints tell about themselves. HTTP/1.1 over TCP, in
//! the clear or inside TLS as the address says.

pub(crate) mod connection;
pub(crate) mod control;
#[cfg(test)]
mod fuzzed;
pub(crate) mod infer;
pub(crate) mod reply;
pub(crate) mod tls;
#[cfg(test)]
mod tls_tests;
pub(crate) mod url;
mod verifier;
