//! Which spec a pod serves, in one word: pods made by an upgrade of the operator or a change of the class go on serving
//! the same spec.

use serde_json::json;

use crate::{Valid, names, valid::Source};

/// Everything of the spec that a pod has to be made anew for.
pub fn spec_hash(valid: &Valid, sidecar_config: &str) -> String {
    let model = &valid.model;
    let source = match &model.source {
        Source::Image { reference, path } => json!({"reference": reference, "path": path}),
        Source::Https { url } => json!({"url": url}),
    };
    let digest = model.digest.as_ref().map(wire::Digest::as_str);
    let content = json!([source, digest, model.format, valid.class_name, valid.accelerators, sidecar_config]);
    names::short_hash(content.to_string().as_bytes())
}
