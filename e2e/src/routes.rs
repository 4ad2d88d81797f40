//! Routes as curl asks for them, and whether sidecars hear each other.

use std::{process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{
    cluster::{self, kubectl},
    wait,
};

/// Time until every pod has a list of all nodes.
const LISTED: Duration = Duration::from_secs(180);

/// Names of the endpoints that a sidecar leads to, in its order. `arguments` are curl's, for credentials.
///
/// # Errors
/// When it gives no order.
pub fn resolve(url: &str, model: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let question = json!({"model": {"name": model}}).to_string();
    let answer = get(url, "/v1alpha1/routes:resolve", &[&["--data", &question], arguments].concat())?;
    let endpoints = answer["applicationEndpoints"].as_array().with_context(|| answer.to_string())?;
    Ok(endpoints.iter().filter_map(|endpoint| endpoint["endpointId"].as_str().map(str::to_owned)).collect())
}

/// Waits until each of these sidecars leads to so many endpoints. A pod that starts before its node serves has a list of nodes
/// without itself, until the kubelet brings the next: that takes up to two minutes.
///
/// # Errors
/// When one does not.
pub fn until_all_lead(urls: &[String], model: &str, endpoints: usize, arguments: &[&str]) -> Result<()> {
    wait::until_true(&format!("each node leads to {endpoints}"), LISTED, || {
        let counts = urls.iter().map(|url| Ok(resolve(url, model, arguments)?.len()));
        let counts = counts.collect::<Result<Vec<usize>>>()?;
        ensure!(counts.iter().all(|count| *count == endpoints), "{counts:?}");
        Ok(true)
    })
}

/// What stands at a path, as JSON.
///
/// # Errors
/// When curl has no answer, or it is none.
pub fn get(url: &str, path: &str, arguments: &[&str]) -> Result<Value> {
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "5"])
        .args(arguments)
        .arg(format!("{url}{path}"))
        .output()
        .context("curl is not on PATH")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).with_context(|| text.to_string())
}

/// How many peers each pod of an offload hears.
///
/// # Errors
/// When a pod does not tell.
pub fn peers(namespace: &str, offload: &str) -> Result<Vec<u32>> {
    const GAUGE: &str = "longshore_sidecar_peers ";
    let heard = |pod: &Value| {
        let name = pod["metadata"]["name"].as_str().context("a pod without a name")?;
        let page = kubectl(&[
            "get",
            "--raw",
            &format!("/api/v1/namespaces/{namespace}/pods/{name}:9090/proxy/metrics"),
        ])?;
        let line = page.lines().find_map(|line| line.strip_prefix(GAUGE)).context("no such gauge")?;
        Ok(line.parse()?)
    };
    cluster::pods(namespace, offload)?.iter().map(heard).collect()
}
