//! JSON whose bytes depend on the values alone: names of files and revisions are made of them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// Indented JSON with sorted keys and a line feed at the end.
pub fn json<T: Serialize>(value: &T) -> String {
    let tree = serde_json::to_value(value).expect("a tree of plain values");
    let mut text = serde_json::to_string_pretty(&sorted(tree)).expect("a tree of plain values");
    text.push('\n');
    text
}

/// Written out, since a feature of another crate in the tree may keep objects in their order of insertion.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let by_key: BTreeMap<String, Value> = map.into_iter().collect();
            Value::Object(by_key.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        plain => plain,
    }
}
