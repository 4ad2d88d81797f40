//! Schemas of quantities: text only. A number would pass a schema of "integer or string" and no rule could read it.

use schemars::{Schema, SchemaGenerator, json_schema};

/// One quantity, short, so that its rule fits the API server's budget.
pub fn one(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 32})
}

/// Quantities by name, few and short.
pub fn named(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 8,
        "additionalProperties": {"type": "string", "maxLength": 32},
        "x-kubernetes-validations": [{
            "rule": "self.all(name, isQuantity(self[name]))",
            "message": "runtime.resources: use quantities in quotes, for instance cpu: \"1\" or memory: 512Mi"
        }]
    })
}
