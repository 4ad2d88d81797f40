//! Finds the class and what the class needs of the cluster.

use crds::{DEFAULT_CLASS_ANNOTATION, OffloadClass};

use super::violation;
use crate::{Inputs, Reason, Violation};

/// The class that the spec names, else the default class.
pub fn find(inputs: &Inputs) -> Result<&OffloadClass, Violation> {
    match &inputs.offload.spec.class_name {
        Some(name) => by_name(&inputs.classes, name),
        None => default(&inputs.classes),
    }
}

/// The RuntimeClass stands in the cluster.
pub fn check(inputs: &Inputs, class: &OffloadClass) -> Option<Violation> {
    let wanted = class.spec.runtime_class_name.as_ref()?;
    if inputs.runtime_classes.contains(wanted) {
        return None;
    }
    let message = format!(
        "OffloadClass {}: spec.runtimeClassName: RuntimeClass {wanted} does not exist; create it or take the field out",
        name_of(class)
    );
    Some(violation(Reason::RuntimeClassNotFound, message))
}

/// Name of a class, for messages.
pub fn name_of(class: &OffloadClass) -> &str {
    class.metadata.name.as_deref().unwrap_or_default()
}

fn by_name<'a>(classes: &'a [OffloadClass], name: &str) -> Result<&'a OffloadClass, Violation> {
    classes.iter().find(|class| name_of(class) == name).ok_or_else(|| {
        let message = format!(
            "spec.className: OffloadClass {name} does not exist; use one of: {}",
            listed(classes.iter().map(name_of))
        );
        violation(Reason::ClassNotFound, message)
    })
}

fn default(classes: &[OffloadClass]) -> Result<&OffloadClass, Violation> {
    let defaults: Vec<&OffloadClass> = classes.iter().filter(|class| is_default(class)).collect();
    match defaults.as_slice() {
        [class] => Ok(class),
        [] => {
            let message = format!(
                "spec.className: there is no default OffloadClass; name one of: {}; or annotate one with {DEFAULT_CLASS_ANNOTATION}=true",
                listed(classes.iter().map(name_of))
            );
            Err(violation(Reason::ClassNotFound, message))
        }
        several => {
            let message = format!(
                "spec.className: several OffloadClasses are the default: {}; name one, or leave the annotation {DEFAULT_CLASS_ANNOTATION} on one only",
                listed(several.iter().map(|class| name_of(class)))
            );
            Err(violation(Reason::ClassNotFound, message))
        }
    }
}

fn is_default(class: &OffloadClass) -> bool {
    let annotations = class.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(DEFAULT_CLASS_ANNOTATION)).is_some_and(|value| value == "true")
}

/// Sorted, so that the message does not follow the order of the list.
fn listed<'a>(class_names: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<&str> = class_names.collect();
    all.sort_unstable();
    if all.is_empty() { "(none exists)".into() } else { all.join(", ") }
}
