//! Which spec a pod serves, in one word. Pods made anew for an upgrade of the operator or a change of the class serve the
//! same spec, so readiness does not fall with them.

use serde_json::json;

use crate::{Valid, names, valid::Source};

/// Everything of the spec that a pod has to be made anew for.
pub fn spec_hash(valid: &Valid) -> String {
    let model = &valid.model;
    let source = match &model.source {
        Source::Image { reference, path } => [reference.as_str(), path.as_str()],
        Source::Https { url } => [url.as_str(), ""],
    };
    let digest = model.digest.as_ref().map(wire::Digest::as_str);
    let file = json!([source, digest, model.name, model.version, model.format, model.labels]);
    let content = json!([file, valid.admission, valid.class_name, valid.accelerators]);
    names::short_hash(content.to_string().as_bytes())
}
