//! What answers cost and how often work moved, as fields of a JSON line.

use longshore_device::core::account::Account;
use longshore_device::core::moves::Moves;
use serde::Serialize;

use super::report::rounded;

/// Energy as the device's profile counts it, and bytes, by place.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spent {
    pub(crate) device_joules: f64,
    pub(crate) edge_joules: f64,
    pub(crate) edge_bytes: u64,
    pub(crate) saved_joules: f64,
    pub(crate) saved_bytes: u64,
}

impl Spent {
    /// What came to an account between two looks at it.
    pub(crate) fn between(before: &Account, after: &Account) -> Self {
        let joules = |before: f64, after: f64| rounded((after - before) / 1e6, 6);
        Self {
            device_joules: joules(before.device_microjoules, after.device_microjoules),
            edge_joules: joules(before.edge_microjoules, after.edge_microjoules),
            edge_bytes: after.edge_bytes - before.edge_bytes,
            saved_joules: joules(before.saved_microjoules, after.saved_microjoules),
            saved_bytes: after.saved_bytes - before.saved_bytes,
        }
    }
}

/// Moves for a gain, and those that the policy held back.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Moved {
    pub(crate) work_moves: u64,
    pub(crate) held_by_margin: u64,
    pub(crate) held_by_dwell: u64,
    pub(crate) held_by_flap_limit: u64,
}

impl From<Moves> for Moved {
    fn from(moves: Moves) -> Self {
        Self {
            work_moves: moves.made,
            held_by_margin: moves.held_by_margin,
            held_by_dwell: moves.held_by_dwell,
            held_by_flap_limit: moves.held_by_flap_limit,
        }
    }
}
