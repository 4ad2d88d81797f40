//! Nodes are containers: what happens to machines happens to them.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::{
    cluster::{POD, SOON, kubectl},
    wait,
};

/// Runs docker and gives its standard output.
///
/// # Errors
/// When it fails.
pub fn docker(arguments: &[&str]) -> Result<String> {
    let output = Command::new("docker").args(arguments).output().context("docker is not on PATH")?;
    ensure!(
        output.status.success(),
        "docker {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Names of the nodes with accelerators.
///
/// # Errors
/// When the API server does not answer.
pub fn workers() -> Result<Vec<String>> {
    let names = kubectl(&[
        "get",
        "nodes",
        "-l",
        "longshore.dev/accelerator=true",
        "-o",
        "jsonpath={.items[*].metadata.name}",
    ])?;
    Ok(names.split_whitespace().map(str::to_owned).collect())
}

/// The node with the control plane.
///
/// # Errors
/// When the API server does not answer.
pub fn control_plane() -> Result<String> {
    kubectl(&[
        "get",
        "nodes",
        "-l",
        "node-role.kubernetes.io/control-plane",
        "-o",
        "jsonpath={.items[0].metadata.name}",
    ])
}

/// Does something while the API server is away.
///
/// # Errors
/// When the work fails, or the API server does not leave or come back.
pub fn without_api_server<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let (in_use, aside) =
        ("/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/kube-apiserver.yaml");
    let control = control_plane()?;
    let answers = || kubectl(&["get", "--raw", "/readyz"]).is_ok();
    docker(&["exec", &control, "mv", in_use, aside])?;
    let outcome = wait::until_true("no API server", SOON, || Ok(!answers())).and_then(|()| work());
    docker(&["exec", &control, "mv", aside, in_use])?;
    wait::until_true("the API server again", POD, || Ok(answers()))?;
    outcome
}

/// Whether the control plane believes in a node.
///
/// # Errors
/// When the API server does not answer.
pub fn is_ready(node: &str) -> Result<bool> {
    let status =
        kubectl(&["get", "node", node, "-o", r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#])?;
    Ok(status == "True")
}

/// Ends processes of this name on a node, as the kernel would.
///
/// # Errors
/// When there is none.
pub fn kill(node: &str, process: &str) -> Result<()> {
    docker(&["exec", node, "pkill", "-9", "-x", process]).map(drop)
}

/// A node that stands still until this value goes away.
pub struct Paused(String);

impl Paused {
    /// Stops every process of a node.
    ///
    /// # Errors
    /// When docker refuses.
    pub fn new(node: &str) -> Result<Self> {
        docker(&["pause", node])?;
        Ok(Self(node.into()))
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        if let Err(error) = docker(&["unpause", &self.0]) {
            eprintln!("{error:#}");
        }
    }
}

/// A node with a tenth of a processor until this value goes away.
pub struct Slowed(String);

impl Slowed {
    /// Takes most of its processor time from a node: so much that it is slow on a quick machine too, for its devices with the
    /// slowest links as well.
    ///
    /// # Errors
    /// When docker refuses.
    pub fn new(node: &str) -> Result<Self> {
        docker(&["update", "--cpu-period", "100000", "--cpu-quota", "4000", node])?;
        Ok(Self(node.into()))
    }
}

impl Drop for Slowed {
    fn drop(&mut self) {
        if let Err(error) = docker(&["update", "--cpu-quota", "-1", &self.0]) {
            eprintln!("{error:#}");
        }
    }
}

/// A node without a network until this value goes away.
pub struct Cut {
    node: String,
    network: String,
    address: String,
}

impl Cut {
    /// Takes a node off its network.
    ///
    /// # Errors
    /// When docker refuses.
    pub fn new(node: &str) -> Result<Self> {
        let format = "{{range $name, $n := .NetworkSettings.Networks}}{{$name}} {{$n.IPAddress}}{{end}}";
        let found = docker(&["inspect", "-f", format, node])?;
        let (network, address) = found.split_once(' ').context("the node has no network")?;
        docker(&["network", "disconnect", network, node])?;
        Ok(Self { node: node.into(), network: network.into(), address: address.into() })
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        // Under its old address: kubelet and devices know the node by it.
        let arguments = ["network", "connect", "--ip", &self.address, &self.network, &self.node];
        if let Err(error) = docker(&arguments) {
            eprintln!("{error:#}");
        }
    }
}
