//! Encrypted endpoints that let in the site's own devices only.

use anyhow::{Result, ensure};
use e2e::{
    cluster::{self, POD, SOON, apply, await_condition, condition, endpoints, kubectl, serving_nodes},
    device::Device,
    grpc, manifest, routes,
    site::{self, CERTIFICATES, Site, TOKENS},
    wait,
};
use serde_json::{Value, json};

/// Certificates and tokens, over HTTP and gRPC: who shows them is answered, who does not is told so.
pub fn own_devices_only(namespace: &str) -> Result<()> {
    let site = Site::new()?;
    site::classes()?;
    site.settle(namespace)?;
    for (name, class) in [("by-certificate", CERTIFICATES), ("by-token", TOKENS)] {
        let mut offload = manifest::offload(namespace, name, class)?;
        offload["spec"]["replicas"] = json!(if name == "by-certificate" { 2 } else { 1 });
        apply(&offload.to_string())?;
    }
    let edges = |name| cluster::ready(namespace, name).map(|ready| endpoints(&ready));
    let (certificates, tokens) = (edges("by-certificate")?, edges("by-token")?);
    ensure!(certificates.iter().chain(&tokens).all(|url| url.starts_with("https://")), "{certificates:?}");

    let ask = |edges: &[String], arguments: &[&str]| {
        Device::new(edges, 2_000)?.with(arguments).infer("astronaut.jpg")
    };
    let authority = site.authority()?;
    let [certificate, key] = site.device()?;
    let nobody = ["--ca", &authority];
    let shown = ["--ca", &authority, "--cert", &certificate, "--key", &key];
    at_the_edge(&ask(&certificates, &shown)?)?;
    here(&ask(&certificates, &nobody)?, "unauthenticated", "refused: unauthenticated")?;
    let stranger = Site::new()?;
    here(
        &ask(&certificates, &["--ca", &stranger.authority()?])?,
        "policy_unknown",
        "invalid peer certificate",
    )?;

    let (good, expired) = (site.token(600)?, site.token(-600)?);
    at_the_edge(&ask(&tokens, &["--ca", &authority, "--token-file", &good])?)?;
    here(&ask(&tokens, &["--ca", &authority, "--token-file", &expired])?, "unauthenticated", "")?;
    let shown = ["--cert", &certificate, "--key", &key];
    siblings(namespace, &certificates[0], &authority, &shown)?;
    over_grpc(&certificates[0], &authority, &shown)?;
    capacity_is_told(namespace)
}

/// The operator has nothing to show to these endpoints, and still knows what the one that answered can do.
fn capacity_is_told(namespace: &str) -> Result<()> {
    wait::until_true("the status to tell what was measured", POD, || {
        let offload = cluster::get(namespace, &["inferenceoffload", "by-certificate"])?;
        let rows = offload["status"]["capacity"].as_array().map_or(&[][..], Vec::as_slice);
        Ok(rows.iter().any(|row| row["serviceTimeP95Microseconds"].as_u64().is_some_and(|time| time > 0)))
    })
}

/// Two pods with one certificate know each other; a device may ask where to go, and not for what they tell each other.
fn siblings(namespace: &str, url: &str, authority: &str, shown: &[&str]) -> Result<()> {
    wait::until_true("the pods to hear each other", SOON, || {
        Ok(routes::peers(namespace, "by-certificate")? == [1, 1])
    })?;
    let as_device = [&["--cacert", authority], shown].concat();
    let nodes = serving_nodes(&cluster::ready(namespace, "by-certificate")?);
    routes::until_all_lead(&[url.to_owned()], "person-detect", nodes.len(), &as_device)?;
    let order = routes::resolve(url, "person-detect", &as_device)?;
    ensure!(
        order.len() == nodes.len() && order.iter().all(|node| nodes.contains(node)),
        "{order:?} of {nodes:?}"
    );
    let table = routes::get(url, "/v1alpha1/routes", &as_device)?;
    ensure!(table["outcome"] == "forbidden", "{table}");
    Ok(())
}

/// The default model server speaks no gRPC, so health is served and an inference is refused with a word.
fn over_grpc(url: &str, authority: &str, shown: &[&str]) -> Result<()> {
    const SERVING: &[u8] = &[8, 1];
    let call = |method: &str, message: Option<&[u8]>, shown: &[&str]| {
        grpc::call(url, method, message, &[&["--cacert", authority], shown].concat())
    };
    let healthy = call("grpc.health.v1.Health/Check", Some(&[]), shown)?;
    ensure!(healthy.status == 0 && healthy.message == SERVING, "{healthy:?}");
    let infer = |shown| call("inference.GRPCInferenceService/ModelInfer", None, shown);
    let known = infer(shown)?;
    ensure!(known.status == 12 && known.outcome == "not_found", "{known:?}");
    let stranger = infer(&[])?;
    ensure!(stranger.status == 16 && stranger.outcome == "unauthenticated", "{stranger:?}");
    Ok(())
}

/// The condition names what is missing, and goes once it is there.
pub fn certificate_that_is_missing(namespace: &str) -> Result<()> {
    site::classes()?;
    apply(&manifest::offload(namespace, "person", CERTIFICATES)?.to_string())?;
    let seen = await_condition(namespace, "person", "RuntimeReady", "False", Some("TlsSecretNotFound"), POD)?;
    let (_, _, message) = condition(&seen, "RuntimeReady");
    ensure!(message.contains("Secret site-tls") && message.contains("ConfigMap device-ca"), "{message}");
    Site::new()?.settle(namespace)?;
    // By now the kubelet looks once a minute, less often with each time; for a pod of this moment it looks at once.
    kubectl(&["-n", namespace, "delete", "pods", "-l", "longshore.dev/offload=person", "--wait=false"])?;
    cluster::ready(namespace, "person").map(drop)
}

fn at_the_edge(answer: &Value) -> Result<()> {
    ensure!(answer["outcome"] == "answered" && answer["place"] == "edge", "{answer}");
    ensure!(answer["label"] == "person", "{answer}");
    Ok(())
}

fn here(answer: &Value, reason: &str, detail: &str) -> Result<()> {
    ensure!(answer["place"] == "device" && answer["reason"] == reason, "{answer}");
    ensure!(answer["detail"].as_str().unwrap_or_default().contains(detail), "{answer}");
    Ok(())
}
