//! Bad input: a clear message, nothing broken, nothing lost, recovery by itself when the cause goes.

use anyhow::{Result, ensure};
use e2e::{
    cluster::{self, POD, SOON, apply, await_condition, condition, get, kubectl, pods, refused},
    device::{Device, all_at_the_edge},
    manifest, wait,
};
use serde_json::{Value, json};

use crate::path::{class_with_host, site_host};

/// What `kubectl apply` says at once.
pub fn refused_by_the_api(namespace: &str) -> Result<()> {
    ensure!(refused("apiVersion: longshore.dev/v1alpha1\nkind: [")?.contains("yaml"), "malformed YAML");
    let cases: [(&str, Value, &str); 6] = [
        ("/spec/modle", json!({}), "spec.modle"),
        ("/spec/model/digest", json!("sha256:12"), "sha256: and 64"),
        (
            "/spec/model/source/https",
            json!({"url": "https://h.example/m.onnx"}),
            "exactly one of image and https",
        ),
        ("/spec/model/source/image/path", json!("../etc"), "without .."),
        ("/spec/admission/defaultTimeoutMilliseconds", json!(9_000), "maxTimeoutMilliseconds"),
        ("/metadata/name", json!("Person"), "metadata.name"),
    ];
    for (pointer, value, expected) in cases {
        let mut offload = manifest::offload(namespace, "person", manifest::CPU_CLASS)?;
        set(&mut offload, pointer, value);
        let said = refused(&offload.to_string())?;
        ensure!(said.contains(expected), "{pointer}: {said}");
    }
    Ok(())
}

/// What the API cannot know and the operator says; each heals when the spec does.
pub fn told_in_a_condition(namespace: &str) -> Result<()> {
    let elsewhere = json!({"matchLabels": {"longshore.dev/gpu": "allowed"}});
    let mut restricted = manifest::class("e2e-restricted", false);
    restricted["spec"]["allowedNamespaces"] = elsewhere;
    apply(&restricted.to_string())?;
    let cases: [(&str, Value, &str, &str); 6] = [
        ("/spec/className", json!("no-such-class"), "ClassNotFound", "no-such-class"),
        ("/spec/className", json!("e2e-restricted"), "ClassNotAllowed", "longshore.dev/gpu"),
        ("/spec/replicas", json!(300), "ClassNotAllowed", "spec.replicas"),
        (
            "/spec/model/source",
            json!({"https": {"url": "https://h.example/m.onnx"}}),
            "ModelSourceNotAllowed",
            "https",
        ),
        (
            "/spec/model/source/image/reference",
            json!("localhost/elsewhere/m:1"),
            "ModelSourceNotAllowed",
            "localhost/longshore/",
        ),
        ("/spec/model/format", json!("plan"), "ModelSourceUnsupported", "spec.model.format"),
    ];
    for (pointer, value, reason, expected) in cases {
        let mut offload = manifest::offload(namespace, "person", manifest::CPU_CLASS)?;
        set(&mut offload, pointer, value);
        apply(&offload.to_string())?;
        let seen = await_condition(namespace, "person", "Accepted", "False", Some(reason), SOON)?;
        let (_, _, message) = condition(&seen, "Accepted");
        ensure!(message.contains(expected), "{pointer}: {message}");
        ensure!(condition(&seen, "Ready").0 == "False", "{pointer}: Ready in spite of {reason}");
    }
    apply(&manifest::offload(namespace, "person", manifest::CPU_CLASS)?.to_string())?;
    cluster::ready(namespace, "person").map(drop)
}

/// Nothing loads a file that is another one.
pub fn wrong_digest(namespace: &str) -> Result<()> {
    let mut offload = manifest::offload(namespace, "person", manifest::CPU_CLASS)?;
    let right = offload["spec"]["model"]["digest"].clone();
    set(&mut offload, "/spec/model/digest", json!(format!("sha256:{}", "0".repeat(64))));
    apply(&offload.to_string())?;
    let seen = await_condition(namespace, "person", "ModelCached", "False", Some("DigestMismatch"), POD)?;
    let (_, _, message) = condition(&seen, "ModelCached");
    ensure!(
        message.contains(right.as_str().unwrap_or("?")),
        "the message names the digest that was found: {message}"
    );
    set(&mut offload, "/spec/model/digest", right);
    apply(&offload.to_string())?;
    cluster::ready(namespace, "person").map(drop)
}

/// A host that does not answer.
pub fn unreachable_model_host(namespace: &str) -> Result<()> {
    // Port 9 of the pod itself: nothing listens.
    apply(&class_with_host("e2e-no-host", "127.0.0.1:9").to_string())?;
    let authority = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "model-host-ca", "namespace": namespace}, "data": {"ca.crt": ""}});
    apply(&authority.to_string())?;
    let mut offload = manifest::offload(namespace, "person", "e2e-no-host")?;
    set(&mut offload, "/spec/model/source", json!({"https": {"url": "https://127.0.0.1:9/person.onnx"}}));
    apply(&offload.to_string())?;
    let seen =
        await_condition(namespace, "person", "ModelCached", "False", Some("ModelDownloadFailed"), POD)?;
    ensure!(condition(&seen, "ModelCached").2.contains("127.0.0.1:9"), "{}", seen["status"]["conditions"]);
    apply(&manifest::offload(namespace, "person", manifest::CPU_CLASS)?.to_string())?;
    cluster::ready(namespace, "person").map(drop)
}

/// A file that has the digest it should have and is no model.
pub fn corrupt_model(namespace: &str) -> Result<()> {
    let file = b"not a model".to_vec();
    let digest = manifest::digest(&file)?;
    let host = site_host(namespace, "e2e-corrupt", file)?;
    let mut offload = manifest::offload(namespace, "person", "e2e-corrupt")?;
    set(
        &mut offload,
        "/spec/model/source",
        json!({"https": {"url": format!("https://{}/m.onnx", host.host)}}),
    );
    set(&mut offload, "/spec/model/digest", json!(digest));
    apply(&offload.to_string())?;
    let seen = await_condition(namespace, "person", "RuntimeReady", "False", Some("ModelLoadFailed"), POD)?;
    ensure!(condition(&seen, "RuntimeReady").2.contains("model.onnx"), "{}", seen["status"]["conditions"]);
    Ok(())
}

/// A runtime image that no registry has.
pub fn image_that_is_not_there(namespace: &str) -> Result<()> {
    let mut class = manifest::class("e2e-no-image", false);
    class["spec"]["runtime"]["image"] = json!("localhost/longshore/no-such-runtime:dev");
    apply(&class.to_string())?;
    apply(&manifest::offload(namespace, "person", "e2e-no-image")?.to_string())?;
    let seen = await_condition(namespace, "person", "RuntimeReady", "False", Some("ImagePullFailed"), POD)?;
    ensure!(
        condition(&seen, "RuntimeReady").2.contains("no-such-runtime"),
        "{}",
        seen["status"]["conditions"]
    );
    apply(&manifest::class("e2e-no-image", false).to_string())?;
    cluster::ready(namespace, "person").map(drop)
}

/// A port that another Service has; the offload gets it when that Service goes.
pub fn port_already_taken(namespace: &str) -> Result<()> {
    let taken = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "squatter", "namespace": namespace},
        "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30_099}], "selector": {"app": "squatter"}}});
    apply(&taken.to_string())?;
    let mut offload = manifest::offload(namespace, "person", manifest::CPU_CLASS)?;
    offload["spec"]["endpoint"] = json!({"nodePort": 30_099});
    apply(&offload.to_string())?;
    let seen =
        await_condition(namespace, "person", "EndpointReachable", "False", Some("PortConflict"), SOON)?;
    ensure!(condition(&seen, "EndpointReachable").2.contains("30099"), "{}", seen["status"]["conditions"]);
    kubectl(&["-n", namespace, "delete", "service", "squatter"])?;
    let ready = cluster::ready(namespace, "person")?;
    ensure!(ready["status"]["nodePort"] == 30_099, "{}", ready["status"]);
    Ok(())
}

/// The longest name that an offload may have, and its neighbour that begins alike.
pub fn name_of_63_characters(namespace: &str) -> Result<()> {
    let names = [format!("{}a", "n".repeat(62)), format!("{}b", "n".repeat(62))];
    for name in &names {
        apply(&manifest::offload(namespace, name, manifest::CPU_CLASS)?.to_string())?;
    }
    for name in &names {
        cluster::ready(namespace, name)?;
    }
    Ok(())
}

/// A change that is not accepted changes nothing of what runs.
pub fn invalid_change_leaves_the_fleet(namespace: &str) -> Result<()> {
    let mut offload = manifest::offload(namespace, "person", manifest::GPU_CLASS)?;
    offload["spec"]["offloadPolicy"] = json!({"mode": "OffloadOnly"});
    apply(&offload.to_string())?;
    let ready = cluster::ready(namespace, "person")?;
    let uids = |all: &[Value]| all.iter().map(|pod| pod["metadata"]["uid"].clone()).collect::<Vec<_>>();
    let before = uids(&pods(namespace, "person")?);
    let watch = Device::thin(&cluster::endpoints(&ready), 2_000).watch(50)?;
    watch.until("answers from the edge", 10, SOON, |line| line["place"] == "edge")?;

    offload["spec"]["className"] = json!("no-such-class");
    apply(&offload.to_string())?;
    let seen = await_condition(namespace, "person", "Ready", "False", Some("ClassNotFound"), SOON)?;
    ensure!(condition(&seen, "EndpointReachable").0 == "True", "{}", seen["status"]["conditions"]);
    watch.until("answers from the edge all the while", 100, SOON, |line| line["place"] == "edge")?;
    all_at_the_edge(&watch.finish()?)?;
    ensure!(before == uids(&pods(namespace, "person")?), "pods were replaced");

    offload["spec"]["className"] = json!(manifest::GPU_CLASS);
    apply(&offload.to_string())?;
    cluster::ready(namespace, "person")?;
    wait::until_true("the same pods", SOON, || Ok(before == uids(&pods(namespace, "person")?)))?;
    get(namespace, &["iof", "person"]).map(drop)
}

/// Sets a value, making the last step of the way where it does not exist.
fn set(object: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
    if let Some(parent) = object.pointer_mut(parent) {
        parent[key] = value;
    }
}
