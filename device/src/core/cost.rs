//! Which place is cheaper in energy and latency.

use super::decide::Inputs;
use super::estimate::Forecast;

/// Weight of energy against latency on a full battery; it rises to 1 at the policy's threshold.
const ENERGY_WEIGHT_FULL: f32 = 0.25;

/// What a way to answer costs: 0 is free, 1 is the dearest way's energy or the whole deadline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// On the device.
    pub local: f32,
    /// At the edge, with a run here after `late_start_us` when it stays silent.
    pub edge: f32,
    /// At both places at once.
    pub both: f32,
}

/// `w * E/E_ref + (1 - w) * T/deadline` for each way. A run here begins `late_start_us` after a request was sent, if no answer
/// came.
#[must_use]
pub fn of(inputs: &Inputs, local: Forecast, edge: Forecast, late_start_us: f32) -> Costs {
    let weight = energy_weight(inputs.battery_percent, inputs.policy.battery_low_percent);
    let local_nanojoules = local.mean_us * inputs.profile.compute_milliwatts;
    let edge_nanojoules = inputs.profile.exchange_nanojoules(
        inputs.bytes,
        edge.transmit_us,
        edge.mean_us,
        inputs.radio_idle_us,
    );
    let both_nanojoules = local_nanojoules + edge_nanojoules;
    let hedged_nanojoules = edge_nanojoules + edge.chance_after(late_start_us) * local_nanojoules;
    let deadline_us = (inputs.left_us as f32).max(1.0);
    let cost = |nanojoules: f32, time_us: f32, reference: f32| {
        weight * nanojoules / reference.max(1.0) + (1.0 - weight) * time_us / deadline_us
    };
    let reference = local_nanojoules.max(hedged_nanojoules);
    Costs {
        local: cost(local_nanojoules, local.mean_us, reference),
        edge: cost(hedged_nanojoules, edge.mean_until(late_start_us + local.mean_us), reference),
        both: cost(both_nanojoules, edge.mean_until(local.mean_us), reference),
    }
}

/// A device on mains power judges by latency alone.
fn energy_weight(battery_percent: Option<f32>, low_percent: u8) -> f32 {
    let Some(battery) = battery_percent else { return 0.0 };
    let low = f32::from(low_percent.min(99));
    let drained = ((100.0 - battery) / (100.0 - low)).clamp(0.0, 1.0);
    ENERGY_WEIGHT_FULL + (1.0 - ENERGY_WEIGHT_FULL) * drained
}
