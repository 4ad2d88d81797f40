//! The node port that an offload asks for.

use crds::{InferenceOffload, OffloadClass};
use k8s_openapi::api::core::v1::Service;

use super::{class::name_of, violation};
use crate::{Inputs, Reason, Violation};

/// A node port that the spec names stands inside the class's range.
pub fn check(offload: &InferenceOffload, class: &OffloadClass) -> Option<Violation> {
    let wish = offload.spec.endpoint.node_port?;
    let message = match &class.spec.endpoint.node_port_range {
        Some(range) if (range.first..=range.last).contains(&wish) => return None,
        Some(range) => format!(
            "spec.endpoint.nodePort: {wish} is outside {} to {}, the spec.endpoint.nodePortRange of OffloadClass {}; use a \
             port inside it, or take the field out",
            range.first,
            range.last,
            name_of(class)
        ),
        None => format!(
            "spec.endpoint.nodePort: OffloadClass {} lets no offload choose its port; take the field out, or let the \
             class's owner set spec.endpoint.nodePortRange",
            name_of(class)
        ),
    };
    Some(violation(Reason::ClassNotAllowed, message))
}

/// The port of the spec, else the recorded one, else the one that the Service has: an address outlives its Service.
pub fn node_port(inputs: &Inputs) -> Option<u16> {
    let spec = inputs.offload.spec.endpoint.node_port;
    let recorded = inputs.offload.status.as_ref().and_then(|status| status.node_port);
    let port = spec.or(recorded).or_else(|| inputs.world.service.as_ref().and_then(service_port))?;
    u16::try_from(port).ok()
}

/// The node port of a Service that exists.
pub fn service_port(service: &Service) -> Option<i32> {
    service.spec.as_ref()?.ports.as_ref()?.first()?.node_port
}
