//! Regimes that are over soon.

use longshore_sim::{edge, ramp};

/// The ramp, a fifth of its length.
pub fn ramp() -> ramp::Parameters {
    ramp::Parameters { warm_up: 6.0, time: 9.0, ..ramp::Parameters::default() }
}

/// The edge with few nodes, a sixth of its length, and as many faults in that time.
pub fn edge() -> edge::Parameters {
    let parameters = edge::Parameters::default();
    let failing = longshore_sim::server::batcher::Failing { every: 10.0, ..parameters.failing };
    edge::Parameters { nodes: 8, failing, warm_up: 5.0, time: 10.0, ..parameters }
}
