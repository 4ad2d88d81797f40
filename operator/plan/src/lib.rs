//! Decides what the operator does: inputs in, children and status out. It cannot wait, read a clock or draw a random
//! number; time is an argument.
//!
//! Reading order: [`inputs`] -> [`validate`] -> [`resources`] -> (the operator applies and observes) -> [`status`].

pub mod drift;
pub mod inputs;
pub mod names;
pub mod observed;
pub mod quantity;
pub mod reason;
pub mod resources;
pub mod status;
pub mod valid;
pub mod validate;

pub use inputs::{Inputs, World};
pub use observed::{Observed, Probe, ProbeResult, Refusal};
pub use reason::{Reason, Violation};
pub use resources::{Deletion, Resources, resources};
pub use valid::Valid;
pub use validate::validate;
