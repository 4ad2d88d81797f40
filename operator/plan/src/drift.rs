//! Whether a child stands as it was planned, so that a reconcile with nothing to change writes nothing.
//!
//! Enters: the live object and the intent. Every field of the intent must stand in the live object; what others added is
//! theirs. A field that left the intent shows in the hash that every child carries.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::quantity;

/// Fields whose values are quantities: the API server rewrites their text.
const QUANTITY_FIELDS: [&str; 3] = ["limits", "requests", "sizeLimit"];

/// Whether every field of `planned` stands in `live`.
#[must_use]
pub fn covers(live: &Value, planned: &Value) -> bool {
    match (live, planned) {
        (Value::Object(live), Value::Object(planned)) => map_covers(live, planned, covers),
        (Value::Array(live), Value::Array(planned)) => match by_name(planned) {
            Some(planned) => named_list_covers(live, &planned),
            None => {
                live.len() == planned.len()
                    && live.iter().zip(planned).all(|(live, planned)| covers(live, planned))
            }
        },
        _ => live == planned,
    }
}

fn map_covers(
    live: &Map<String, Value>,
    planned: &Map<String, Value>,
    inner: fn(&Value, &Value) -> bool,
) -> bool {
    planned.iter().all(|(key, wanted)| match live.get(key) {
        Some(found) if QUANTITY_FIELDS.contains(&key.as_str()) => amounts_cover(found, wanted),
        Some(found) => inner(found, wanted),
        None => is_left_out(wanted),
    })
}

/// Elements of the intent by name; none when they are not told apart by names.
fn by_name(items: &[Value]) -> Option<BTreeMap<&str, &Value>> {
    let named: BTreeMap<&str, &Value> = items.iter().filter_map(|item| Some((name(item)?, item))).collect();
    (!items.is_empty() && named.len() == items.len()).then_some(named)
}

/// Others may add elements of their own to such a list: writing would not take them away.
fn named_list_covers(live: &[Value], planned: &BTreeMap<&str, &Value>) -> bool {
    planned.iter().all(|(wanted, planned)| {
        live.iter().find(|item| name(item) == Some(wanted)).is_some_and(|live| covers(live, planned))
    })
}

fn name(item: &Value) -> Option<&str> {
    item.get("name")?.as_str()
}

/// A quantity, or a map of them, by value.
fn amounts_cover(live: &Value, planned: &Value) -> bool {
    match (live, planned) {
        (Value::Object(live), Value::Object(planned)) => map_covers(live, planned, amounts_cover),
        (Value::String(live), Value::String(planned)) => {
            live == planned
                || matches!(
                    (quantity::billionths(live), quantity::billionths(planned)),
                    (Some(live), Some(planned)) if live == planned
                )
        }
        _ => live == planned,
    }
}

/// The API server does not write these; their absence says the same.
fn is_left_out(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(true) | Value::Object(_) => false,
    }
}
