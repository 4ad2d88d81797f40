//! Hands for the tests on a real cluster: kubectl, Docker nodes, devices, a model host, and a runner that keeps the
//! order. Everything goes through the programs that a user has; nothing here links the operator.

pub mod cluster;
pub mod device;
pub mod field;
pub mod grpc;
pub mod manifest;
pub mod model_host;
pub mod node;
pub mod routes;
pub mod run;
pub mod site;
pub mod stats;
pub mod wait;

use std::path::PathBuf;

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").into()
}

/// A file or folder of the example.
#[must_use]
pub fn example(path: &str) -> PathBuf {
    repository().join("examples/person-detect").join(path)
}
