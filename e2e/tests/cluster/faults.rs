//! What breaks at a site: DNS, a model server, the API server, nodes.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{
    cluster::{self, POD, SOON, apply, endpoints, get, kubectl, pods, serving_nodes},
    device::{Device, Watch, all_at_the_edge, from_place, not_answered},
    manifest,
    node::{self, Cut, Paused},
    routes, wait,
};
use serde_json::{Value, json};

use crate::setup::restart_operator;

/// Time until the control plane gives a silent node up, and it comes back.
const NODE: Duration = Duration::from_secs(180);

/// The operator starts and works while no name can be resolved.
pub fn operator_starts_without_dns(namespace: &str) -> Result<()> {
    let scale = |count: &str| kubectl(&["-n", "kube-system", "scale", "deployment/coredns", count]);
    scale("--replicas=0")?;
    let outcome = (|| {
        wait::until_true("no DNS", POD, || {
            Ok(cluster::list("kube-system", &["pods", "-l", "k8s-app=kube-dns"])?.is_empty())
        })?;
        restart_operator()?;
        apply(&manifest::offload(namespace, "person", manifest::CPU_CLASS)?.to_string())?;
        cluster::ready(namespace, "person").map(drop)
    })();
    scale("--replicas=2")?;
    outcome
}

/// The model server dies: an explicit outcome, the device answers itself, and work returns.
pub fn runtime_killed(namespace: &str) -> Result<()> {
    let (ready, watch) = watched(namespace, 1)?;
    let victim = serving_nodes(&ready).into_iter().next().unwrap_or_default();
    watch.until("answers from the edge", 20, SOON, |line| line["place"] == "edge")?;
    wait::until_true("a model server to kill", POD, || Ok(node::kill(&victim, "longshore-runti").is_ok()))?;
    let told = |line: &Value| line["reason"] == "upstream_failed" || line["reason"] == "model_not_ready";
    watch.until("an explicit outcome, and the device's own answer", 1, SOON, |line| {
        line["place"] == "device" && told(line)
    })?;
    watch.until("answers from the edge again", 20, POD, |line| line["place"] == "edge")?;
    all_answered(watch)
}

/// The API server is away for a minute: devices notice nothing.
pub fn api_server_stopped(namespace: &str) -> Result<()> {
    let ready = served(namespace, 2, "OffloadOnly")?;
    let watch = Device::thin(&endpoints(&ready), 2_000).watch(50)?;
    watch.until("answers from the edge", 20, SOON, |line| line["place"] == "edge")?;
    let lead_to_both = || routes::until_all_lead(&endpoints(&ready), "person-detect", 2, &[]);
    lead_to_both()?;
    node::without_api_server(|| {
        let before = watch.lines().len();
        wait::holds("the API server is away", Duration::from_secs(60), || {
            Ok(kubectl(&["get", "--raw", "/readyz", "--request-timeout=1s"]).is_err())
        })?;
        ensure!(before + 100 < watch.lines().len(), "the device stood still");
        lead_to_both()
    })?;
    all_at_the_edge(&watch.finish()?)?;
    cluster::ready(namespace, "person").map(drop)
}

/// One node stands still: the device moves on within its deadlines, and comes back to it.
pub fn node_paused(namespace: &str) -> Result<()> {
    let (ready, watch) = watched(namespace, 2)?;
    let nodes = serving_nodes(&ready);
    ensure!(nodes.len() == 2, "{nodes:?}");
    for node in &nodes {
        watch.until(&format!("answers from {node}"), 1, POD, |line| line["endpoint"] == node.as_str())?;
    }
    routes::until_all_lead(&endpoints(&ready), "person-detect", 2, &[])?;
    let paused = Paused::new(&nodes[0])?;
    watch.until("answers from the other node", 100, SOON, |line| line["endpoint"] == nodes[1].as_str())?;
    let other = endpoints(&ready).pop().unwrap_or_default();
    // Near-equals are drawn by chance, so one answer alone says nothing.
    wait::until_true("the other node always leads to itself first", SOON, || {
        let answers = (0..10).map(|_| routes::resolve(&other, "person-detect", &[]));
        let order = [nodes[1].clone(), nodes[0].clone()];
        Ok(answers.collect::<Result<Vec<_>>>()?.iter().all(|answer| *answer == order))
    })?;
    wait::until_true("the control plane gives it up", NODE, || Ok(!node::is_ready(&nodes[0])?))?;
    drop(paused);
    wait::until_true("the node is ready", NODE, || node::is_ready(&nodes[0]))?;
    watch.until("answers from both nodes", 1, POD, |line| line["endpoint"] == nodes[0].as_str())?;
    all_answered(watch)?;
    both_serve(namespace)
}

/// No node can be reached: the device answers itself; they return, and so does the work.
pub fn both_nodes_cut(namespace: &str) -> Result<()> {
    let (ready, watch) = watched(namespace, 2)?;
    watch.until("answers from the edge", 20, SOON, |line| line["place"] == "edge")?;
    let nodes = serving_nodes(&ready);
    let cut = nodes.iter().map(|node| Cut::new(node)).collect::<Result<Vec<_>>>()?;
    watch.until("answers of the device itself", 50, SOON, |line| line["place"] == "device")?;
    drop(cut);
    watch.until("answers from the edge again", 50, POD, |line| line["place"] == "edge")?;
    all_answered(watch)?;
    for node in &nodes {
        wait::until_true("the node is ready", NODE, || node::is_ready(node))?;
    }
    both_serve(namespace)
}

/// An offload that serves on so many nodes, and a device with a low battery that uses it.
fn watched(namespace: &str, replicas: usize) -> Result<(Value, Watch)> {
    let ready = served(namespace, replicas, "Automatic")?;
    let watch = Device::new(&endpoints(&ready), 1_000)?.watch(50)?;
    Ok((ready, watch))
}

/// An offload that serves on so many nodes.
fn served(namespace: &str, replicas: usize, mode: &str) -> Result<Value> {
    let mut offload = manifest::offload(namespace, "person", manifest::GPU_CLASS)?;
    offload["spec"]["replicas"] = json!(replicas);
    offload["spec"]["offloadPolicy"] = json!({"mode": mode});
    apply(&offload.to_string())?;
    wait::until("every replica serves", POD, || {
        let seen = cluster::ready(namespace, "person")?;
        ensure!(endpoints(&seen).len() == replicas, "{}", seen["status"]["endpoints"]);
        Ok(Some(seen))
    })
}

fn all_answered(watch: Watch) -> Result<()> {
    let lines = watch.finish()?;
    let (lost, here) = (not_answered(&lines), from_place(&lines, "device"));
    println!("    {} requests, {here} answered by the device, {} not in time", lines.len(), lost.len());
    ensure!(lost.is_empty(), "{lost:?}");
    Ok(())
}

/// The fleet is whole again, with the pods that it had: a node that was away keeps its pods.
fn both_serve(namespace: &str) -> Result<()> {
    wait::until_true("both nodes serve", NODE, || {
        let status = get(namespace, &["iof", "person"])?["status"].clone();
        ensure!(status["readySummary"] == "2/2", "{status}");
        Ok(true)
    })?;
    ensure!(pods(namespace, "person")?.len() == 2, "more pods than replicas");
    Ok(())
}
