//! The first judge: a CEL interpreter, with no API server. What it refuses a linter can refuse too.

use std::collections::BTreeSet;

use kube_cel::{Validator, apply_defaults};
use serde_json::{Value, json};

use crate::{
    objects,
    rules::{Subject, rules},
};

#[test]
fn each_rule_refuses_and_names_the_field_and_the_fix() {
    for (number, row) in rules().iter().enumerate() {
        let refusals = judge(row.subject, &row.object(number));
        assert!(
            refusals.iter().any(|message| message.contains(row.message)),
            "row {number} must be refused with {:?}; got {refusals:?}",
            row.message
        );
    }
}

#[test]
fn no_rule_is_without_a_row() {
    let rows = rules();
    let mut messages = BTreeSet::new();
    for subject in [Subject::Class, Subject::Offload] {
        collect_messages(&schema(subject), &mut messages);
    }
    assert!(messages.len() > 20, "{messages:?}");
    for message in messages {
        assert!(rows.iter().any(|row| message.contains(row.message)), "no row provokes {message:?}");
    }
}

#[test]
fn the_examples_pass() {
    assert_eq!(judge(Subject::Class, &objects::class()), Vec::<String>::new());
    assert_eq!(judge(Subject::Offload, &objects::offload()), Vec::<String>::new());
    assert_eq!(judge(Subject::Offload, &objects::smallest_offload()), Vec::<String>::new());
    for class in objects::documents(&objects::read("charts/examples/class-triton-nvidia.yaml")) {
        assert_eq!(judge(Subject::Class, &class), Vec::<String>::new());
    }
}

#[test]
fn defaults_fill_in_what_was_left_out() {
    let defaulted = defaulted(&objects::smallest_offload());
    assert_eq!(defaulted["spec"]["model"]["version"], json!("1"));
    assert_eq!(defaulted["spec"]["model"]["format"], json!("onnx"));
    assert_eq!(defaulted["spec"]["admission"]["maxConcurrency"], json!(4));
    assert_eq!(defaulted["spec"]["offloadPolicy"]["mode"], json!("Automatic"));
    assert_eq!(defaulted["spec"]["dataClass"], json!("Internal"));
    // Somebody else may own it, an autoscaler for instance.
    assert_eq!(defaulted["spec"].get("replicas"), None);
}

/// An offload with the schema's defaults.
pub fn defaulted(offload: &Value) -> Value {
    apply_defaults(&schema(Subject::Offload), offload)
}

/// What the rules say against a class.
pub fn judge_class(class: &Value) -> Vec<String> {
    judge(Subject::Class, class)
}

fn judge(subject: Subject, object: &Value) -> Vec<String> {
    match Validator::new().validate(&schema(subject), object, None) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.iter().map(|error| error.message.clone()).collect(),
    }
}

fn schema(subject: Subject) -> Value {
    let [class, offload] = crds::manifest::definitions();
    let definition = match subject {
        Subject::Class => class,
        Subject::Offload => offload,
    };
    let version = &definition.spec.versions[0];
    serde_json::to_value(version.schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap()).unwrap()
}

fn collect_messages(schema: &Value, messages: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
                messages.insert(rule["message"].as_str().expect("each rule has a message").to_owned());
            }
            members.values().for_each(|member| collect_messages(member, messages));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_messages(item, messages)),
        _ => {}
    }
}
