//! What the operator saw after it applied a plan.

use wire::EndpointInfo;

use crate::{Reason, World};

/// The cluster after applying.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Children, pods and nodes.
    pub world: World,
    /// One handshake per node that runs a pod.
    pub probes: Vec<Probe>,
    /// Children that the API server did not take.
    pub refusals: Vec<Refusal>,
}

/// A handshake with one advertised address: `GET /v2/models/{m}/ready` through the node port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The node that was meant.
    pub node: String,
    /// The address that was dialled.
    pub url: String,
    /// What came back.
    pub result: ProbeResult,
    /// What the endpoint says of itself; none where it was not reached.
    pub told: Option<EndpointInfo>,
}

/// What a handshake brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// 200, and `longshore-endpoint` named the node that was meant.
    Reached,
    /// Something answered, but not this node; it named itself so.
    WrongEndpoint(String),
    /// The node answered, and the model is not ready; the status code.
    NotReady(u16),
    /// Nobody answered in time, or the connection failed; why.
    Unreachable(String),
}

/// The API server did not take a child for a reason that the user can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The condition's reason.
    pub reason: Reason,
    /// Names the child or the field, and the fix.
    pub message: String,
}
