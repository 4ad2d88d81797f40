//! Valid objects to start from, the ones of `charts/examples`, and how to change them.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A file of the repository.
pub fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every document of a YAML stream.
pub fn documents(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The class of the person detector.
pub fn class() -> Value {
    example("OffloadClass")
}

/// The person detector.
pub fn offload() -> Value {
    example("InferenceOffload")
}

/// What a user may write at least.
pub fn smallest_offload() -> Value {
    json!({
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "InferenceOffload",
        "metadata": {"name": "smallest", "namespace": "cameras"},
        "spec": {"model": {"source": {"https": {"url": "https://models.site.example/person.onnx"}}}}
    })
}

fn example(kind: &str) -> Value {
    documents(&read("charts/examples/person-detect.yaml"))
        .into_iter()
        .find(|object| object["kind"] == kind)
        .unwrap_or_else(|| panic!("charts/examples/person-detect.yaml holds no {kind}"))
}

/// Puts a value at a path such as `spec.model.version`; makes what is missing on the way.
pub fn set(object: &mut Value, path: &str, value: Value) {
    *path.split('.').fold(object, |place, key| &mut place[key]) = value;
}

/// Takes a field away.
pub fn remove(object: &mut Value, path: &str) {
    let (parent, field) = path.rsplit_once('.').expect("no row takes a whole object away");
    let parent = parent.split('.').fold(object, |place, key| &mut place[key]);
    parent.as_object_mut().expect("a field stands in an object").remove(field);
}
