//! Installs the chart as a user does, and the classes of the tests.

use std::process::Command;

use anyhow::{Result, ensure};
use e2e::{
    cluster::{apply, kubectl},
    manifest, repository,
};
use serde_json::json;

/// Installs the chart with the images of this build and waits for the operator.
pub fn install() -> Result<()> {
    let chart = repository().join("charts/longshore");
    let values = repository().join("e2e/cluster/manifests/demo-values.yaml");
    let output = Command::new("helm")
        .args(["upgrade", "--install", "longshore"])
        .arg(chart)
        .args(["-n", "longshore-system", "--create-namespace", "--wait", "--timeout", "120s", "-f"])
        .arg(values)
        .output()?;
    ensure!(output.status.success(), "helm: {}", String::from_utf8_lossy(&output.stderr));
    // The tag of a development image stays the same, so the pod has to be told.
    restart_operator()?;
    apply(&manifest::class(manifest::GPU_CLASS, true).to_string())?;
    apply(&manifest::class(manifest::CPU_CLASS, false).to_string())?;
    let mut fleet = manifest::class(manifest::FLEET_CLASS, false);
    fleet["spec"]["placement"] = json!({});
    apply(&fleet.to_string())?;
    Ok(())
}

/// Starts the operator anew and waits until it is ready.
pub fn restart_operator() -> Result<()> {
    kubectl(&["-n", "longshore-system", "rollout", "restart", "deployment/longshore"])?;
    kubectl(&["-n", "longshore-system", "rollout", "status", "deployment/longshore", "--timeout=120s"])?;
    Ok(())
}
