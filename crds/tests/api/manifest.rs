//! What is generated is committed; definitions are small enough for `kubectl apply` and explain every field.

use std::fs;

use crds::manifest;
use serde_json::Value;

use crate::objects::{read, root};

/// `kubectl apply` keeps the whole object in an annotation, which may have four times as much.
const DEFINITION_BYTES_MAX: usize = 64 * 1024;

#[test]
fn committed_definitions_are_current() {
    for definition in manifest::definitions() {
        let path = format!("charts/longshore/templates/crds/{}.yaml", definition.spec.names.plural);
        let fresh = manifest::chart_template(&definition);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(root().join(&path), &fresh).unwrap();
        }
        assert!(read(&path) == fresh, "run `make generate` and commit {path}");
    }
}

#[test]
fn definitions_are_small_enough_for_kubectl_apply() {
    for definition in manifest::definitions() {
        let length = serde_json::to_vec(&definition).unwrap().len();
        assert!(length <= DEFINITION_BYTES_MAX, "{}: {length} bytes", definition.spec.names.plural);
    }
}

#[test]
fn every_field_is_explained() {
    let mut silent = Vec::new();
    for definition in manifest::definitions() {
        let schema = definition.spec.versions[0].schema.as_ref().unwrap();
        let schema = serde_json::to_value(schema.open_api_v3_schema.as_ref().unwrap()).unwrap();
        find_silent(&schema, &definition.spec.names.plural, &mut silent);
    }
    assert_eq!(silent, Vec::<String>::new(), "fields without a description");
}

fn find_silent(schema: &Value, path: &str, silent: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if property["description"].as_str().is_none_or(str::is_empty) {
            silent.push(path.clone());
        }
        find_silent(property, &path, silent);
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            find_silent(&schema[inner], path, silent);
        }
    }
}
