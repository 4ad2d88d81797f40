//! Whether a class takes a namespace.

use std::collections::BTreeMap;

use crds::OffloadClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::{class::name_of, violation};
use crate::{Inputs, Reason, Violation};

/// The namespace carries the labels that the class asks for.
pub fn check(inputs: &Inputs, class: &OffloadClass) -> Option<Violation> {
    let selector = class.spec.allowed_namespaces.as_ref()?;
    if selects(selector, &inputs.namespace_labels) {
        return None;
    }
    let message = format!(
        "spec.className: OffloadClass {} does not take namespace {}; label the namespace to match the class's \
         spec.allowedNamespaces ({}), or use another class",
        name_of(class),
        inputs.offload.metadata.namespace.as_deref().unwrap_or_default(),
        text(selector)
    );
    Some(violation(Reason::ClassNotAllowed, message))
}

fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let mut exact = selector.match_labels.iter().flatten();
    let mut expressions = selector.match_expressions.iter().flatten();
    exact.all(|(key, value)| labels.get(key) == Some(value))
        && expressions.all(|requirement| meets(requirement, labels))
}

fn meets(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&requirement.key);
    let listed = value.is_some_and(|value| requirement.values.iter().flatten().any(|one| one == value));
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        // An operator that is not understood lets nobody in.
        _ => false,
    }
}

fn text(selector: &LabelSelector) -> String {
    let exact = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let expressions = selector.match_expressions.iter().flatten().map(|requirement| {
        let values = requirement.values.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(",");
        format!("{} {} ({values})", requirement.key, requirement.operator).replace(" ()", "")
    });
    exact.chain(expressions).collect::<Vec<_>>().join(", ")
}
