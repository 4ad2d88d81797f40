//! From raw to valid: finds the class and checks the spec against it.
//!
//! Enters: everything that was fetched. Leaves: the offload with its class and every default filled in, or every
//! violation at once, each with the field and the fix. It never looks at what runs, but for the recorded node
//! port and the recorded capacity.

mod bundle;
mod class;
mod endpoint;
mod limits;
mod model;
mod namespace;
mod quantities;

use crds::{InferenceOffload, OffloadClass};

use crate::{Inputs, Reason, Valid, Violation, valid::ValidModel};

/// The offload with its class and every default filled in.
///
/// # Errors
/// Every violation, not only the first; each names the field and the fix.
pub fn validate(inputs: &Inputs) -> Result<Valid, Vec<Violation>> {
    let class = class::find(inputs).map_err(|violation| vec![violation])?;
    let mut violations = Vec::new();
    violations.extend(namespace::check(inputs, class));
    violations.extend(class::check(inputs, class));
    violations.extend(quantities::check(class));
    violations.extend(limits::check(&inputs.offload, class));
    violations.extend(endpoint::check(&inputs.offload, class));
    match model::check(&inputs.offload, class) {
        Ok(model) if violations.is_empty() => Ok(valid(inputs, class, model)),
        Ok(_) => Err(violations),
        Err(more) => {
            violations.extend(more);
            Err(violations)
        }
    }
}

pub(crate) use class::find as find_class;
pub(crate) use endpoint::service_port;
pub(crate) use model::authority;

pub(crate) fn violation(reason: Reason, message: impl Into<String>) -> Violation {
    Violation { reason, message: message.into() }
}

fn valid(inputs: &Inputs, class: &OffloadClass, model: ValidModel) -> Valid {
    let offload = &inputs.offload;
    let spec = &offload.spec;
    let admission = admission(offload);
    let replicas = spec.replicas.unwrap_or(limits::REPLICAS_DEFAULT);
    Valid {
        name: offload.metadata.name.clone().unwrap_or_default(),
        namespace: offload.metadata.namespace.clone().unwrap_or_default(),
        uid: offload.metadata.uid.clone().unwrap_or_default(),
        generation: offload.metadata.generation.unwrap_or_default(),
        class_name: class.metadata.name.clone().unwrap_or_default(),
        class: class.spec.clone(),
        replicas: if spec.suspend { 0 } else { unsigned(replicas) },
        accelerators: limits::accelerators(offload, class),
        node_port: endpoint::node_port(inputs),
        node_port_pinned: spec.endpoint.node_port.is_some(),
        bundle: bundle::bundle(offload, &admission, &model),
        service_times: bundle::service_times(offload, &model),
        admission,
        suspended: spec.suspend,
        model,
    }
}

/// The schema keeps every number of a spec at or above zero.
fn unsigned(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

fn admission(offload: &InferenceOffload) -> wire::config::Admission {
    let wish = &offload.spec.admission;
    wire::config::Admission {
        max_concurrency: unsigned(wish.max_concurrency),
        default_timeout_milliseconds: unsigned(wish.default_timeout_milliseconds),
        max_timeout_milliseconds: unsigned(wish.max_timeout_milliseconds),
        max_payload_bytes: u64::try_from(wish.max_payload_bytes).unwrap_or_default(),
        ..wire::config::Admission::default()
    }
}
