//! Replicas, nodes and accelerators.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use e2e::{
    cluster::{self, POD, SOON, apply, await_condition, condition, get, kubectl, pods, serving_nodes},
    manifest, node, wait,
};
use serde_json::{Value, json};

/// Four pods on two nodes are two endpoints, each under its node's name.
pub fn one_endpoint_per_node(namespace: &str) -> Result<()> {
    replicas(namespace, 4)?;
    let mut workers = node::workers()?;
    workers.sort();
    wait::until_true("four pods that serve on two nodes", POD, || {
        let offload = get(namespace, &["iof", "person"])?;
        ensure!(offload["status"]["readySummary"] == "4/4", "{}", offload["status"]);
        ensure!(serving_nodes(&offload) == workers, "{}", offload["status"]["endpoints"]);
        Ok(true)
    })?;
    within_accelerators(namespace)
}

/// `kubectl scale` up and down, and the endpoints follow.
pub fn scale_through_kubectl(namespace: &str) -> Result<()> {
    replicas(namespace, 1)?;
    cluster::ready(namespace, "person")?;
    for count in ["3", "1"] {
        kubectl(&["-n", namespace, "scale", "iof/person", &format!("--replicas={count}")])?;
        let summary = format!("{count}/{count}");
        wait::until_true(&format!("{summary} pods that serve"), POD, || {
            let status = get(namespace, &["iof", "person"])?["status"].clone();
            ensure!(
                status["readySummary"] == summary.as_str()
                    && status["replicas"] == json!(count.parse::<u32>()?),
                "{status}"
            );
            Ok(true)
        })?;
    }
    ensure!(
        serving_nodes(&cluster::ready(namespace, "person")?).len() == 1,
        "more than one node serves one pod"
    );
    Ok(())
}

/// What fits serves, and the condition says how many are missing and of what.
pub fn more_replicas_than_accelerators(namespace: &str) -> Result<()> {
    replicas(namespace, 6)?;
    let offload = wait::until("four of six", POD, || {
        let offload = await_condition(
            namespace,
            "person",
            "ReplicasAvailable",
            "False",
            Some("InsufficientAccelerators"),
            POD,
        )?;
        ensure!(offload["status"]["readySummary"] == "4/6", "{}", offload["status"]);
        // Their address is tried after they are ready.
        ensure!(condition(&offload, "Ready").0 == "True", "{}", offload["status"]["conditions"]);
        Ok(Some(offload))
    })?;
    let (_, _, message) = condition(&offload, "ReplicasAvailable");
    ensure!(message.contains("2 wait for accelerators") && message.contains("nvidia.com/gpu"), "{message}");
    within_accelerators(namespace)?;
    // The cause goes, and so does the condition.
    kubectl(&["-n", namespace, "scale", "iof/person", "--replicas=4"])?;
    await_condition(namespace, "person", "ReplicasAvailable", "True", None, POD).map(drop)
}

/// A RuntimeClass that does not exist is named; the pods get it once it does.
pub fn runtime_class(namespace: &str) -> Result<()> {
    kubectl(&["delete", "runtimeclass", "nvidia", "--ignore-not-found"])?;
    let mut class = manifest::class("e2e-runtime-class", true);
    class["spec"]["runtimeClassName"] = json!("nvidia");
    apply(&class.to_string())?;
    apply(&manifest::offload(namespace, "person", "e2e-runtime-class")?.to_string())?;
    let seen = await_condition(namespace, "person", "Accepted", "False", Some("RuntimeClassNotFound"), SOON)?;
    ensure!(condition(&seen, "Accepted").2.contains("nvidia"), "{}", seen["status"]["conditions"]);
    let runtime = json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass",
        "metadata": {"name": "nvidia"}, "handler": "nvidia"});
    apply(&runtime.to_string())?;
    cluster::ready(namespace, "person")?;
    let all = pods(namespace, "person")?;
    ensure!(
        all.iter().all(|pod| pod["spec"]["runtimeClassName"] == "nvidia"),
        "a pod has another runtime class"
    );
    Ok(())
}

fn replicas(namespace: &str, count: u32) -> Result<()> {
    let mut offload = manifest::offload(namespace, "person", manifest::GPU_CLASS)?;
    offload["spec"]["replicas"] = json!(count);
    apply(&offload.to_string()).map(drop)
}

/// Pods stand only on nodes with accelerators, and on none more than it has.
pub fn within_accelerators(namespace: &str) -> Result<()> {
    let workers = node::workers()?;
    let mut on: BTreeMap<String, u32> = BTreeMap::new();
    let scheduled = |pod: &Value| pod["spec"]["nodeName"].as_str().map(str::to_owned);
    for name in pods(namespace, "person")?.iter().filter_map(scheduled) {
        *on.entry(name).or_default() += 1;
    }
    ensure!(on.keys().all(|name| workers.contains(name)), "{on:?}");
    ensure!(on.values().all(|count| *count <= 2), "{on:?}");
    Ok(())
}
