//! Quantities of the class: an amount that does not parse would fail in every pod, long after it was written.

use std::collections::BTreeMap;

use crds::OffloadClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{class::name_of, violation};
use crate::{Reason, Violation, quantity};

/// Every quantity of the class is one.
pub fn check(class: &OffloadClass) -> Vec<Violation> {
    let runtime = &class.spec.runtime;
    let mut bad = amounts("spec.runtime.resources.requests", &runtime.resources.requests);
    bad.extend(amounts("spec.runtime.resources.limits", &runtime.resources.limits));
    if let Some(memory) = &runtime.shared_memory
        && quantity::bytes(&memory.0).is_none()
    {
        bad.push(("spec.runtime.sharedMemory".into(), memory.0.clone()));
    }
    bad.into_iter().map(|(field, text)| message(class, &field, &text)).collect()
}

fn amounts(field: &str, map: &BTreeMap<String, Quantity>) -> Vec<(String, String)> {
    let is_bad = |text: &str| quantity::billionths(text).is_none_or(|amount| amount < 0);
    map.iter()
        .filter(|(_, amount)| is_bad(&amount.0))
        .map(|(key, amount)| (format!("{field}[{key}]"), amount.0.clone()))
        .collect()
}

fn message(class: &OffloadClass, field: &str, text: &str) -> Violation {
    let message = format!(
        "OffloadClass {}: {field}: {text:?} is not a quantity; use for instance 500m, 2 or 256Mi",
        name_of(class)
    );
    violation(Reason::InvalidSpec, message)
}
