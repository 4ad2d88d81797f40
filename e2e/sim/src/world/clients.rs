//! Who chooses: policies, one at each client, or the oracle.

use crate::{
    policy::{Order, Policy},
    random::Random,
};

/// Who chooses servers.
pub enum Chooser {
    /// A policy at each client, which knows what a client knows.
    Policies(Vec<Box<dyn Policy>>),
    /// One that sees every server as it is and every query on its way, and takes the server where the query ends first. It
    /// sends nothing that would end too late: that would only take the place of others.
    Oracle,
}

/// The clients with their common source of randomness.
pub(super) struct Clients {
    pub(super) chooser: Chooser,
    pub(super) random: Random,
    /// Kept, so that no query costs an allocation.
    pub(super) orders: Vec<Order>,
}

impl Clients {
    pub(super) fn new(chooser: Chooser, random: Random) -> Self {
        Self { chooser, random, orders: Vec::new() }
    }
}
