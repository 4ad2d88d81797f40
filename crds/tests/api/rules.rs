//! The table: one change of a valid object per row, and the words of the message that refuses it.

use serde_json::{Value, json};

use crate::objects;

/// Which object a row changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Class,
    Offload,
}
use Subject::{Class, Offload};

/// A change and the message it must bring; `null` takes the field away.
pub struct Row {
    pub subject: Subject,
    path: &'static str,
    value: Value,
    pub message: &'static str,
}

impl Row {
    /// The changed object, under a name of its own unless the row is about the name.
    pub fn object(&self, number: usize) -> Value {
        let mut object = match self.subject {
            Class => objects::class(),
            Offload => objects::offload(),
        };
        objects::set(&mut object, "metadata.name", json!(format!("row-{number}")));
        if self.value.is_null() {
            objects::remove(&mut object, self.path);
        } else {
            objects::set(&mut object, self.path, self.value.clone());
        }
        object
    }
}

/// What the CEL rules refuse.
pub fn rules() -> Vec<Row> {
    [class(), credentials(), model(), offload()].into_iter().flatten().collect()
}

fn class() -> Vec<Row> {
    let row = |path, value, message| Row { subject: Class, path, value, message };
    vec![
        row(
            "spec.runtime.upstream.http",
            json!(8080),
            "runtime.upstream.http: 8080 and 9090 are the sidecar's",
        ),
        row(
            "spec.runtime.upstream.http",
            json!(9090),
            "runtime.upstream.http: 8080 and 9090 are the sidecar's",
        ),
        row("spec.runtime.upstream", json!({}), "runtime.upstream: name http, grpc or both"),
        row(
            "spec.runtime.upstream",
            json!({"grpc": 9090}),
            "runtime.upstream.grpc: 8080 and 9090 are the sidecar's",
        ),
        row(
            "spec.runtime.upstream",
            json!({"http": 8000, "grpc": 8000}),
            "runtime.upstream: http and grpc are different ports",
        ),
        row(
            "spec.runtime.modelFormats",
            json!(["ONNX"]),
            "runtime.modelFormats: use 1 to 16 lower-case letters",
        ),
        row("spec.runtime.scratch", json!(["tmp"]), "runtime.scratch: use absolute paths"),
        row("spec.runtime.scratch", json!(["/"]), "runtime.scratch: use absolute paths"),
        row("spec.runtime.scratch", json!(["/a/../etc"]), "runtime.scratch: use absolute paths"),
        row("spec.runtime.scratch", json!(["/models/x"]), "runtime.scratch: use absolute paths"),
        row("spec.runtime.sharedMemory", json!("lots"), "runtime.sharedMemory: use a quantity"),
        row("spec.runtime.resources.requests", json!({"cpu": "half"}), "runtime.resources: use quantities"),
        row("spec.runtime.resources.limits", json!({"memory": "1 GB"}), "runtime.resources: use quantities"),
        row("spec.accelerator.resource.name", json!("gpu"), "accelerator.resource.name: use VENDOR/NAME"),
        row(
            "spec.models",
            json!({"allowedSources": ["Image"]}),
            "models.allowedImagePrefixes: name at least one",
        ),
        row("spec.models", json!({"allowedSources": ["Https"]}), "models.allowedHosts: name at least one"),
        row(
            "spec.models.allowedImagePrefixes",
            json!(["a.example/m"]),
            "models.allowedImagePrefixes: end each",
        ),
        row(
            "spec.models.allowedHosts",
            json!(["https://a.example"]),
            "models.allowedHosts: use lower-case host",
        ),
        row(
            "spec.endpoint.nodePortRange",
            json!({"first": 2, "last": 1}),
            "endpoint.nodePortRange: first must",
        ),
    ]
}

fn credentials() -> Vec<Row> {
    let row = |value, message| Row { subject: Class, path: "spec.endpoint", value, message };
    let jwt = json!({"issuer": "https://issuer.example", "audiences": ["offload"], "algorithms": ["ES256"],
        "jwksConfigMapName": "issuer"});
    let tls = json!({"secretName": "site-tls"});
    let with_ca = json!({"secretName": "site-tls", "clientCaConfigMapName": "device-ca"});
    vec![
        row(json!({"auth": "MutualTls"}), "endpoint.tls: name the Secret with the certificate"),
        row(json!({"auth": "Jwt", "jwt": jwt}), "endpoint.tls: name the Secret with the certificate"),
        row(
            json!({"auth": "MutualTls", "tls": tls}),
            "endpoint.tls.clientCaConfigMapName: name the ConfigMap",
        ),
        row(json!({"auth": "None", "tls": with_ca}), "endpoint.tls.clientCaConfigMapName: take it out"),
        row(
            json!({"auth": "None", "quota": {"inFlightPerDevice": 4, "serverMillisecondsPerSecond": 200}}),
            "endpoint.quota: take it out",
        ),
        row(json!({"auth": "Jwt", "tls": tls}), "endpoint.jwt: set it when endpoint.auth is Jwt"),
        row(
            json!({"auth": "MutualTls", "tls": with_ca, "jwt": jwt}),
            "endpoint.jwt: set it when endpoint.auth is Jwt",
        ),
    ]
}

fn model() -> Vec<Row> {
    let row = |path, value, message| Row { subject: Offload, path, value, message };
    let image = |path: &str| json!({"image": {"reference": "localhost/longshore/m:1", "path": path}});
    let https = |url: &str| json!({"https": {"url": url}});
    let both = json!({"image": {"reference": "a/b:1", "path": "x"}, "https": {"url": "https://a.example/x"}});
    vec![
        row("spec.model.name", json!("Person"), "spec.model.name: use lower-case letters"),
        row("spec.model.name", json!("a..b"), "spec.model.name: use lower-case letters"),
        row("spec.model.name", json!("../a"), "spec.model.name: use lower-case letters"),
        row("spec.model.version", json!("0"), "spec.model.version: use a positive number in quotes"),
        row("spec.model.version", json!("v1"), "spec.model.version: use a positive number in quotes"),
        row("spec.model.format", json!("ONNX"), "spec.model.format: use lower-case letters and digits"),
        row("spec.model.digest", json!("sha256:12"), "spec.model.digest: use sha256: and 64 lower-case"),
        row("spec.model.size", json!("big"), "spec.model.size: use a quantity greater than zero"),
        row("spec.model.size", json!("0"), "spec.model.size: use a quantity greater than zero"),
        row("spec.model.source", json!({}), "spec.model.source: set exactly one of image and https"),
        row("spec.model.source", both, "spec.model.source: set exactly one of image and https"),
        row("spec.model.source", image("/person"), "spec.model.source.image.path: use a relative folder"),
        row("spec.model.source", image("a/../../b"), "spec.model.source.image.path: use a relative folder"),
        row(
            "spec.model.source",
            https("http://a.example/x"),
            "spec.model.source.https.url: use https://HOST/PATH",
        ),
        row(
            "spec.model.source",
            https("https://u:p@a.example/x"),
            "spec.model.source.https.url: use https://",
        ),
        row("spec.model.source", https("https://a.example/x y"), "spec.model.source.https.url: use https://"),
        row("spec.model.source", https("https://a.example/x#y"), "spec.model.source.https.url: use https://"),
    ]
}

fn offload() -> Vec<Row> {
    let row = |path, value, message| Row { subject: Offload, path, value, message };
    vec![
        row("metadata.name", json!("1st"), "metadata.name: use at most 63 lower-case letters"),
        row("metadata.name", json!("a.b"), "metadata.name: use at most 63 lower-case letters"),
        row("metadata.name", json!("a".repeat(64)), "metadata.name: use at most 63 lower-case letters"),
        row(
            "spec.admission.defaultTimeoutMilliseconds",
            json!(2001),
            "spec.admission.defaultTimeoutMilliseconds: must not be greater than maxTimeoutMilliseconds",
        ),
        row(
            "spec",
            json!({
                "model": objects::offload()["spec"]["model"],
                "dataClass": "Restricted",
                "offloadPolicy": {"mode": "OffloadOnly"}
            }),
            "spec.offloadPolicy.mode: OffloadOnly contradicts dataClass Restricted",
        ),
    ]
}

/// What the schema refuses before any rule is asked, and a word of the API server's message.
pub fn schema() -> Vec<Row> {
    let class = |path, value, message| Row { subject: Class, path, value, message };
    let offload = |path, value, message| Row { subject: Offload, path, value, message };
    vec![
        class("spec.runtime.runAsUser", json!(0), "spec.runtime.runAsUser"),
        class("spec.endpoint.auth", Value::Null, "spec.endpoint.auth: Required value"),
        class("spec.endpoint.auth", json!("Basic"), "spec.endpoint.auth: Unsupported value"),
        class(
            "spec.endpoint.jwt",
            json!({"issuer": "i", "audiences": ["a"], "algorithms": ["HS256"], "jwksConfigMapName": "j"}),
            "spec.endpoint.jwt.algorithms[0]: Unsupported value",
        ),
        class("spec.endpoint.tls", json!({}), "spec.endpoint.tls.secretName: Required value"),
        class(
            "spec.endpoint.tls",
            json!({"secretName": "s", "minimumVersion": "1.1"}),
            "spec.endpoint.tls.minimumVersion: Unsupported value",
        ),
        class(
            "spec.endpoint.tls",
            json!({"secretName": "s", "minimumVersion": 1.2}),
            "spec.endpoint.tls.minimumVersion",
        ),
        class(
            "spec.endpoint.quota",
            json!({"inFlightPerDevice": 0, "serverMillisecondsPerSecond": 200}),
            "spec.endpoint.quota.inFlightPerDevice",
        ),
        class(
            "spec.endpoint.quota",
            json!({"inFlightPerDevice": 4, "serverMillisecondsPerSecond": 1_000_001}),
            "spec.endpoint.quota.serverMillisecondsPerSecond",
        ),
        class(
            "spec.endpoint.quota",
            json!({"inFlightPerDevice": 4}),
            "spec.endpoint.quota.serverMillisecondsPerSecond: Required value",
        ),
        class("spec.endpoint.exposure", json!("LoadBalancer"), "spec.endpoint.exposure: Unsupported value"),
        class("spec.runtime.surprise", json!(true), "unknown field \"spec.runtime.surprise\""),
        class("spec.limits.replicas", json!(0), "spec.limits.replicas"),
        offload("spec.model", Value::Null, "spec.model: Required value"),
        offload("spec.replicas", json!(-1), "spec.replicas"),
        offload("spec.replicas", json!("two"), "spec.replicas"),
        offload("spec.model.version", json!(3), "spec.model.version"),
        offload("spec.offloadPolicy.mode", json!("Sometimes"), "spec.offloadPolicy.mode: Unsupported value"),
        offload("spec.offloadPolicy.maxMovesPerMinute", json!(0), "spec.offloadPolicy.maxMovesPerMinute"),
        offload(
            "spec.offloadPolicy.confidenceTemperaturePercent",
            json!(9),
            "spec.offloadPolicy.confidenceTemperaturePercent",
        ),
        offload(
            "spec.offloadPolicy.confidenceTemperaturePercent",
            json!(1.5),
            "spec.offloadPolicy.confidenceTemperaturePercent",
        ),
        offload("spec.endpoint.nodePort", json!(70000), "spec.endpoint.nodePort"),
        offload("spec.autoscaling", json!({"minReplicas": 1}), "unknown field \"spec.autoscaling\""),
    ]
}
