//! The path a user walks: apply, Ready, a real picture in, "person" out.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use e2e::{
    cluster::{self, apply, endpoints, kubectl},
    device::Device,
    manifest,
    model_host::ModelHost,
    node::{self, docker},
};
use serde_json::json;

/// The example answers from the edge, sure of the astronaut and not of the coffee; `kubectl get` says so.
pub fn apply_ready_answer(namespace: &str) -> Result<()> {
    let mut offload = manifest::offload(namespace, "person-detect", manifest::GPU_CLASS)?;
    offload["spec"]["replicas"] = json!(2);
    apply(&offload.to_string())?;
    let ready = cluster::ready(namespace, "person-detect")?;
    let edges = endpoints(&ready);
    let device = Device::new(&edges, 2_000)?;

    let answer = device.infer("astronaut.jpg")?;
    ensure!(answer["outcome"] == "answered" && answer["place"] == "edge", "{answer}");
    ensure!(answer["label"] == "person", "{answer}");
    let confidence = answer["confidence"].as_f64().context("no confidence")?;
    ensure!((0.90..0.95).contains(&confidence), "{answer}");
    ensure!(answer["modelDigest"] == offload["spec"]["model"]["digest"], "{answer}");
    let endpoint = answer["endpoint"].as_str().context("no endpoint")?;
    ensure!(node::workers()?.iter().any(|worker| worker == endpoint), "{answer}");
    let answer = device.infer("coffee.jpg")?;
    ensure!(answer["label"] == "background", "{answer}");

    let row = kubectl(&["-n", namespace, "get", "iof", "--no-headers"])?;
    let columns: Vec<&str> = row.split_whitespace().collect();
    ensure!(columns.starts_with(&["person-detect", "True"]), "{row}");
    ensure!(columns.get(3..5) == Some(&["person-detect", manifest::GPU_CLASS]), "{row}");
    Ok(())
}

/// A model from a host of the site, by https, under the site's own certificate authority.
pub fn model_by_https(namespace: &str) -> Result<()> {
    let host = site_host(namespace, "e2e-https", manifest::model_file()?)?;
    let mut offload = manifest::offload(namespace, "by-https", "e2e-https")?;
    offload["spec"]["model"]["source"] =
        json!({"https": {"url": format!("https://{}/person.onnx", host.host)}});
    apply(&offload.to_string())?;
    let ready = cluster::ready(namespace, "by-https")?;
    let answer = Device::new(&endpoints(&ready), 2_000)?.infer("astronaut.jpg")?;
    ensure!(answer["place"] == "edge" && answer["label"] == "person", "{answer}");
    Ok(())
}

/// A model store on the nodes' network, and a class that takes models from it.
pub fn site_host(namespace: &str, class: &str, file: Vec<u8>) -> Result<ModelHost> {
    let worker = node::workers()?.into_iter().next().context("no node with accelerators")?;
    let gateway =
        docker(&["inspect", &worker, "-f", "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}"])?;
    let host = ModelHost::new(gateway.parse::<IpAddr>()?, file)?;
    apply(&class_with_host(class, &host.host).to_string())?;
    let authority = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "model-host-ca", "namespace": namespace},
        "data": {"ca.crt": host.ca}
    });
    apply(&authority.to_string())?;
    Ok(host)
}

/// A class that takes models from one host.
pub fn class_with_host(name: &str, host: &str) -> serde_json::Value {
    let mut class = manifest::class(name, false);
    class["spec"]["models"] =
        json!({"allowedSources": ["Https"], "allowedHosts": [host], "caConfigMapName": "model-host-ca"});
    class
}
