//! What requests cost, by place, as the profile counts it, and how often work moved.

use super::moves::Moves;

/// Energy, bytes and moves so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Account {
    /// Runs on the device, in microjoules.
    pub device_microjoules: f64,
    /// Exchanges with endpoints, in microjoules.
    pub edge_microjoules: f64,
    /// Request bodies that were begun to be sent, in bytes.
    pub edge_bytes: u64,
    /// Energy that the answers of the edge saved: what runs here would have cost that were not begun, in microjoules.
    pub saved_microjoules: f64,
    /// Request bodies that the device answered and sent nowhere, in bytes.
    pub saved_bytes: u64,
    /// How often work moved, and how often it was held.
    pub moves: Moves,
}
