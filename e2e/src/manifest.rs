//! Classes and offloads of the tests, as data to change.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::example;

/// Class with accelerators.
pub const GPU_CLASS: &str = "e2e-gpu";
/// Class without.
pub const CPU_CLASS: &str = "e2e-cpu";
/// Class without, on all edge nodes: those with accelerators and the others.
pub const FLEET_CLASS: &str = "e2e-fleet";
/// The example model.
pub const MODEL_IMAGE: &str = "localhost/longshore/model-person:dev";
/// The same network in another file, so that its digest differs.
pub const NEXT_MODEL_IMAGE: &str = "localhost/longshore/model-person-next:dev";

/// A class; `accelerated` ones give each replica one `nvidia.com/gpu`.
#[must_use]
pub fn class(name: &str, accelerated: bool) -> Value {
    let mut class = json!({
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "OffloadClass",
        "metadata": {"name": name},
        "spec": {
            "limits": {"replicas": 8},
            "runtime": {
                "image": "localhost/longshore/runtime:dev",
                "args": ["--models=/models", "--listen=127.0.0.1:8000"],
                "upstream": {"http": 8000},
                "modelFormats": ["onnx"],
                "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
            },
            "placement": {"nodeSelector": {"longshore.dev/accelerator": "true"}},
            "models": {"allowedSources": ["Image"], "allowedImagePrefixes": ["localhost/longshore/"]},
            "endpoint": {"auth": "None", "nodePortRange": {"first": 30080, "last": 30180}}
        }
    });
    if accelerated {
        class["spec"]["accelerator"] = json!({"resource": {"name": "nvidia.com/gpu"}});
    }
    class
}

/// An offload of the example model.
///
/// # Errors
/// When the example model cannot be read.
pub fn offload(namespace: &str, name: &str, class: &str) -> Result<Value> {
    Ok(json!({
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "InferenceOffload",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "className": class,
            "model": {
                "name": "person-detect",
                "source": {"image": {"reference": MODEL_IMAGE, "path": "person"}},
                "digest": digest(&model_file()?)?,
                "size": "1Mi",
                "labels": ["background", "person"]
            },
            "replicas": 1,
            "admission": {"maxConcurrency": 2, "defaultTimeoutMilliseconds": 1000, "maxTimeoutMilliseconds": 5000}
        }
    }))
}

/// The example model's file.
///
/// # Errors
/// When it cannot be read.
pub fn model_file() -> Result<Vec<u8>> {
    let path = example("model/blazeface-person.onnx");
    fs::read(&path).with_context(|| path.display().to_string())
}

/// The file inside [`NEXT_MODEL_IMAGE`]: a protocol buffer may be continued, here by a `doc_string` of one word.
#[must_use]
pub fn next_model(mut file: Vec<u8>) -> Vec<u8> {
    file.extend(b"\x32\x04next");
    file
}

/// `sha256:` and the digest of a file's content, as `sha256sum` has it.
///
/// # Errors
/// When `sha256sum` cannot be run.
pub fn digest(content: &[u8]) -> Result<String> {
    use std::{io::Write as _, process};
    let mut child = process::Command::new("sha256sum")
        .stdin(process::Stdio::piped())
        .stdout(process::Stdio::piped())
        .spawn()
        .context("sha256sum")?;
    child.stdin.take().context("no standard input")?.write_all(content)?;
    let printed = String::from_utf8(child.wait_with_output()?.stdout)?;
    Ok(format!("sha256:{}", printed.split_whitespace().next().context("sha256sum printed nothing")?))
}

/// A namespace that enforces restricted pods.
#[must_use]
pub fn namespace(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    })
}
