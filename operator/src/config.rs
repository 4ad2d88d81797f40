//! From words on the command line to a checked configuration.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use crds::OffloadClass;
use plan::inputs::Settings;

/// Longest time for a connection to the API server. Kube's default of 30 s hides a dead server for too long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Kubernetes operator for Longshore: serves models near the devices that ask for them.
#[derive(Parser)]
#[command(name = "longshore-operator", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Runs until SIGTERM. The cluster is that of KUBECONFIG, else the one around the pod.
    Run(RunArgs),
    /// Prints the custom resource definitions as YAML.
    Crds,
}

/// Words of the command line.
#[derive(Args)]
pub struct RunArgs {
    /// Address of /livez, /readyz and /metrics.
    #[arg(long, value_name = "IP:PORT", default_value = "0.0.0.0:8081")]
    admin_address: SocketAddr,
    /// Looks after the offloads of this namespace only. Absent: of all.
    #[arg(long, value_name = "NAMESPACE")]
    watch_namespace: Option<String>,
    /// Every offload is looked at again after this time, give or take a tenth, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    resync_seconds: u64,
    /// YAML file of OffloadClasses, created at start where they are absent.
    #[arg(long, value_name = "FILE")]
    default_classes: Option<PathBuf>,
    /// Image of the sidecar and of the init containers.
    #[arg(long, value_name = "IMAGE", env = "LONGSHORE_SIDECAR_IMAGE")]
    sidecar_image: String,
    /// When the kubelet pulls the image of the sidecar.
    #[arg(long, value_name = "POLICY", default_value = "IfNotPresent")]
    sidecar_image_pull_policy: PullPolicy,
    /// Namespace of the operator; its pods may read the sidecars' metrics. Absent: that of the kubeconfig or the pod.
    #[arg(long, value_name = "NAMESPACE", env = "POD_NAMESPACE")]
    pod_namespace: Option<String>,
}

/// When the kubelet pulls an image.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

/// All that the program knows of its command line and environment.
pub struct Config {
    /// How to reach the API server.
    pub kubernetes: kube::Config,
    /// Address of probes and metrics.
    pub admin_address: SocketAddr,
    /// Namespace to look after; `None`: all.
    pub watch_namespace: Option<String>,
    /// Time between two looks at an offload where nothing happens.
    pub resync: Duration,
    /// Classes to create where they are absent.
    pub default_classes: Vec<OffloadClass>,
    /// What the plan needs to know of the installation.
    pub settings: Settings,
}

impl Config {
    /// Reads the files that the command line and the environment name.
    ///
    /// # Errors
    /// A file cannot be read or says nonsense, or there is no cluster.
    pub async fn load(args: RunArgs) -> anyhow::Result<Self> {
        let mut kubernetes =
            kube::Config::infer().await.context("found no cluster: set KUBECONFIG or run in a pod")?;
        kubernetes.connect_timeout = Some(CONNECT_TIMEOUT);
        let default_classes = match &args.default_classes {
            None => Vec::new(),
            Some(path) => {
                let text = tokio::fs::read_to_string(path)
                    .await
                    .with_context(|| format!("--default-classes: cannot read {}", path.display()))?;
                crate::classes::parse(&text)
                    .with_context(|| format!("--default-classes: {}", path.display()))?
            }
        };
        let pull_policy = args.sidecar_image_pull_policy.to_possible_value();
        let pull_policy = pull_policy.expect("no pull policy is hidden from the command line");
        let operator_namespace = args.pod_namespace.unwrap_or_else(|| kubernetes.default_namespace.clone());
        Ok(Self {
            kubernetes,
            admin_address: args.admin_address,
            watch_namespace: args.watch_namespace,
            resync: Duration::from_secs(args.resync_seconds),
            default_classes,
            settings: Settings {
                sidecar_image: args.sidecar_image,
                sidecar_image_pull_policy: pull_policy.get_name().to_owned(),
                operator_namespace,
            },
        })
    }
}
