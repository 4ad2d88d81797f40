//! kubectl, as a user has it.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::wait;

/// Time for anything that needs a pod to start.
pub const POD: Duration = Duration::from_secs(120);
/// Time for the operator to say what it thinks.
pub const SOON: Duration = Duration::from_secs(30);

/// Runs kubectl and gives its standard output.
///
/// # Errors
/// When it exits with another code than 0; the message holds what it printed.
pub fn kubectl(arguments: &[&str]) -> Result<String> {
    succeed(Command::new("kubectl").args(arguments).output().context("kubectl is not on PATH")?, arguments)
}

/// `kubectl apply` of one or more documents from standard input.
///
/// # Errors
/// When the API server or kubectl refuses.
pub fn apply(document: &str) -> Result<String> {
    feed(&["apply", "-f", "-"], document)
}

/// Applies a document and gives the message of its refusal.
///
/// # Errors
/// When it was accepted.
pub fn refused(document: &str) -> Result<String> {
    match apply(document) {
        Ok(printed) => bail!("was accepted: {printed}"),
        Err(error) => Ok(format!("{error:#}")),
    }
}

fn feed(arguments: &[&str], input: &str) -> Result<String> {
    let mut child = Command::new("kubectl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("kubectl is not on PATH")?;
    child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
    succeed(child.wait_with_output()?, arguments)
}

fn succeed(output: Output, arguments: &[&str]) -> Result<String> {
    ensure!(
        output.status.success(),
        "kubectl {}: {}{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// An object or a list as JSON.
///
/// # Errors
/// When it does not exist.
pub fn get(namespace: &str, arguments: &[&str]) -> Result<Value> {
    let mut all = vec!["-n", namespace, "get", "-o", "json"];
    all.extend(arguments);
    Ok(serde_json::from_str(&kubectl(&all)?)?)
}

/// The items of a list.
///
/// # Errors
/// When the kind cannot be listed.
pub fn list(namespace: &str, arguments: &[&str]) -> Result<Vec<Value>> {
    Ok(get(namespace, arguments)?["items"].as_array().cloned().unwrap_or_default())
}

/// Status, reason and message of a condition; empty strings when it is not there.
#[must_use]
pub fn condition(object: &Value, kind: &str) -> (String, String, String) {
    let found = object["status"]["conditions"]
        .as_array()
        .and_then(|all| all.iter().find(|condition| condition["type"] == kind))
        .cloned()
        .unwrap_or_default();
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}

/// Waits until an offload of this generation is Ready, and gives it.
///
/// # Errors
/// When it is not within the time for a pod; the message holds its conditions.
pub fn ready(namespace: &str, name: &str) -> Result<Value> {
    await_condition(namespace, name, "Ready", "True", None, POD)
}

/// Waits for a condition that speaks of the current generation, and gives the offload.
///
/// # Errors
/// When time is up; the message holds the conditions that were seen.
pub fn await_condition(
    namespace: &str,
    name: &str,
    kind: &str,
    status: &str,
    reason: Option<&str>,
    limit: Duration,
) -> Result<Value> {
    wait::until(&format!("{namespace}/{name} {kind}={status} {reason:?}"), limit, || {
        let offload = get(namespace, &["iof", name])?;
        let current = offload["status"]["observedGeneration"] == offload["metadata"]["generation"];
        let (seen, why, _) = condition(&offload, kind);
        if current && seen == status && reason.is_none_or(|wanted| wanted == why) {
            return Ok(Some(offload));
        }
        bail!("{}", offload["status"]["conditions"])
    })
}

/// Addresses that devices dial.
#[must_use]
pub fn endpoints(offload: &Value) -> Vec<String> {
    let rows = offload["status"]["endpoints"].as_array().cloned().unwrap_or_default();
    rows.iter().filter_map(|row| row["url"].as_str().map(str::to_owned)).collect()
}

/// Names of the nodes that serve.
#[must_use]
pub fn serving_nodes(offload: &Value) -> Vec<String> {
    let rows = offload["status"]["endpoints"].as_array().cloned().unwrap_or_default();
    rows.iter().filter_map(|row| row["node"].as_str().map(str::to_owned)).collect()
}

/// Pods of an offload that are not being deleted.
///
/// # Errors
/// When they cannot be listed.
pub fn pods(namespace: &str, name: &str) -> Result<Vec<Value>> {
    let selector = format!("longshore.dev/offload={name}");
    let all = list(namespace, &["pods", "-l", &selector])?;
    Ok(all.into_iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect())
}

/// Whether a pod serves.
#[must_use]
pub fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").0 == "True"
}
