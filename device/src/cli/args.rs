//! The command line: words, checked for their form only.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use longshore_device::core::profile::{DeviceClass, Link, Profile};
use longshore_device::{Builder, Device, EdgeUrl, Normalization, SrvName, TlsFiles};

/// Runs a model here or at a nearby edge node, whichever is right, and always answers by the deadline.
///
/// Exit codes: 0 every input answered, 1 an input had no answer or something else failed, 64 bad usage, 78 bad
/// configuration (a file of the model, the policy or TLS that cannot be used).
#[derive(Parser)]
#[command(version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Answers for each input file, one JSON line each.
    Infer(InferArgs),
    /// Answers for the pictures of a folder, over and over, as a camera would.
    Watch(WatchArgs),
    /// Plays recorded links in virtual time through the decision, or through a rule to compare it with.
    Simulate(SimulateArgs),
    /// The decision alone: events in and effects out, one JSON object a line, time in the events.
    Drive(DriveArgs),
}

/// What both commands need.
#[derive(clap::Args)]
pub(crate) struct DeviceArgs {
    /// An edge node, https://HOST:PORT or http://HOST:PORT. Repeat it for more; one is enough, it tells the others.
    #[arg(long = "edge", value_name = "URL")]
    edges: Vec<EdgeUrl>,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    tls: TlsArgs,
    /// Name of the model.
    #[arg(long = "model", value_name = "NAME")]
    model: String,
    /// Folder of models on the device, DIR/NAME/VERSION/model.onnx. Without the file everything runs at the edge.
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// File that keeps the policy for times without a network.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Words for the model's probabilities, separated by commas. Default: those of the policy.
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    labels: Option<Vec<String>>,
    /// Time from an input to its answer, in milliseconds.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub(crate) deadline_ms: u64,
    /// Battery level, in percent. Default: mains power.
    #[arg(long, value_name = "N", value_parser = percent)]
    pub(crate) battery_percent: Option<f32>,
    /// Largest model file that this device can hold, in bytes. Default: no bound.
    #[arg(long, value_name = "N")]
    capacity_bytes: Option<u64>,
    /// The site where the device is, by its nodes' name for it. Of nodes never measured those there count as nearer.
    #[arg(long, value_name = "NAME")]
    zone: Option<String>,
    #[command(flatten)]
    power: PowerArgs,
    /// Uplink assumed until the first upload was measured, in kbit/s. Default: the link's, 20000 without one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    uplink_kbps: Option<u32>,
    /// How a picture's channels of 0 to 255 become the model's elements.
    #[arg(long, value_enum, default_value_t = Channels::MinusOneToOne)]
    channels: Channels,
}

/// How edge nodes are found without a URL.
#[derive(clap::Args)]
struct SearchArgs {
    /// A DNS SRV name that leads to edge nodes: _longshores._tcp.DOMAIN (https) or _longshore._tcp.DOMAIN (in the clear).
    #[arg(long = "edge-srv", value_name = "NAME")]
    srv: Option<SrvName>,
    /// The DNS server that is asked for --edge-srv, ADDRESS:PORT. Default: those of /etc/resolv.conf.
    #[arg(long, value_name = "ADDRESS", requires = "srv")]
    dns_server: Option<SocketAddr>,
    /// Look for edge nodes by multicast DNS, on the network of this interface. Without a name: where the system sends
    /// multicast. With --ca for _longshores._tcp.local, else for _longshore._tcp.local.
    #[arg(long = "edge-mdns", value_name = "INTERFACE", num_args = 0..=1, require_equals = true)]
    mdns: Option<Option<String>>,
}

/// What energy costs this device.
#[derive(clap::Args)]
pub(crate) struct PowerArgs {
    /// The kind of device: vehicle, ar-glasses, factory-sensor, wearable or camera. Default: a small camera on Wi-Fi.
    #[arg(long, value_name = "NAME")]
    device_profile: Option<DeviceClass>,
    /// The kind of its radio: wifi, lte or 5g.
    #[arg(long, value_name = "NAME")]
    link: Option<Link>,
}

/// Whom to believe and what to show at `https://` nodes.
#[derive(clap::Args)]
struct TlsArgs {
    /// Certificates of the authorities that sign for https:// nodes, PEM; needed for them. This file and the next three are
    /// read again within 2 seconds when they change.
    #[arg(long = "ca", value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// The device's certificate, then those that signed for it, PEM. Default: none is shown.
    #[arg(long = "cert", value_name = "FILE", requires = "key", requires = "authorities")]
    certificate: Option<PathBuf>,
    /// Private key of --cert, PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Bearer token that is sent to https:// nodes, and to no other. Default: none.
    #[arg(long, value_name = "FILE", requires = "authorities")]
    token_file: Option<PathBuf>,
}

/// `infer`.
#[derive(clap::Args)]
pub(crate) struct InferArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// A JPEG or PNG picture. Repeat it for more.
    #[arg(long = "input", value_name = "FILE", required = true)]
    pub(crate) inputs: Vec<PathBuf>,
}

/// `watch`.
#[derive(clap::Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// Folder of JPEG and PNG pictures, taken in the order of their names.
    #[arg(long = "input", value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// From one picture to the next, in milliseconds.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub(crate) period_ms: u64,
    /// Stop after this time, in seconds. Default: at a signal.
    #[arg(long, value_name = "N")]
    pub(crate) duration_s: Option<u64>,
    /// Stop after this many pictures. Default: at a signal.
    #[arg(long, value_name = "N")]
    pub(crate) frames: Option<u64>,
    /// How fast the battery falls, in percent per minute.
    #[arg(long, value_name = "N", default_value_t = 0.0, requires = "battery_percent")]
    pub(crate) battery_drain_percent_per_minute: f32,
    /// File with the name of the site where the device is, for one that moves; read before every picture.
    #[arg(long, value_name = "FILE", conflicts_with = "zone")]
    pub(crate) zone_file: Option<PathBuf>,
    /// JSON lines in place of the table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `drive`.
#[derive(clap::Args)]
pub(crate) struct DriveArgs {
    #[command(flatten)]
    pub(crate) power: PowerArgs,
    /// For the random bits of events that bring none.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// `simulate`.
#[derive(clap::Args)]
pub(crate) struct SimulateArgs {
    /// A recorded link: a CSV file with the heading duration_ms,bandwidth_kbps,latency_ms (latency is the round trip,
    /// bandwidth 0 an outage), or generated:4g, generated:3g. Repeat it for more; the results are pooled.
    #[arg(long = "trace", value_name = "FILE", required = true)]
    pub(crate) traces: Vec<String>,
    /// Length of a request's body, in bytes.
    #[arg(long, value_name = "N", default_value_t = 40_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) input_bytes: u32,
    /// Time of the model on the device, in milliseconds.
    #[arg(long, value_name = "N", default_value_t = 150, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub(crate) local_ms: u64,
    /// Median time of the model at the edge, in milliseconds.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=600_000))]
    pub(crate) server_ms: u32,
    /// Time from a request to its answer, in milliseconds.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub(crate) deadline_ms: u64,
    /// From one request to the next, in milliseconds.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub(crate) period_ms: u64,
    /// Who decides.
    #[arg(long, value_enum, default_value_t = Policy::Longshore)]
    pub(crate) policy: Policy,
    /// The owner's wishes, for the policy longshore: a policy bundle, as `infer --policy FILE` keeps it. Default: what an
    /// offload wishes that says nothing.
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// The same seed gives the same figures.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Share of the traces' bandwidth that the uplink has, in percent. Recorded links are often downlinks.
    #[arg(long, value_name = "N", default_value_t = 100.0)]
    pub(crate) bandwidth_percent: f64,
    /// Battery level, in percent. Default: mains power.
    #[arg(long, value_name = "N", value_parser = percent)]
    pub(crate) battery_percent: Option<f32>,
    #[command(flatten)]
    pub(crate) power: PowerArgs,
    /// Also the figures of each trace.
    #[arg(long)]
    pub(crate) per_trace: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Policy {
    /// What ships.
    Longshore,
    /// Every request on the device.
    AlwaysLocal,
    /// Every request at the edge.
    AlwaysOffload,
    /// The faster place by the exponentially weighted mean bandwidth.
    Ewma,
    /// The faster place by the harmonic mean of the last five bandwidths.
    Harmonic,
    /// Both at once, the loser is stopped.
    RaceBoth,
    /// The faster place by a regression over bytes and measured bandwidth.
    Neurosurgeon,
    /// The faster place by the future itself.
    Oracle,
}

#[derive(Clone, Copy, ValueEnum)]
enum Channels {
    /// x / 127.5 - 1
    MinusOneToOne,
    /// x / 255
    ZeroToOne,
    /// x
    Raw,
}

impl DeviceArgs {
    pub(crate) fn builder(&self) -> Builder {
        let mut profile = self.power.profile();
        profile.model_bytes_max = self.capacity_bytes.unwrap_or(u64::MAX);
        if let Some(kilobits) = self.uplink_kbps {
            profile.uplink_kilobits_per_second = kilobits as f32;
        }
        let normalization = match self.channels {
            Channels::MinusOneToOne => Normalization::MinusOneToOne,
            Channels::ZeroToOne => Normalization::ZeroToOne,
            Channels::Raw => Normalization::None,
        };
        let mut builder = Device::builder(&self.model).profile(profile).normalization(normalization);
        for edge in &self.edges {
            builder = builder.edge(edge.clone());
        }
        if let Some(name) = &self.search.srv {
            builder = builder.edge_srv(name.clone());
        }
        if let Some(address) = self.search.dns_server {
            builder = builder.dns_server(address);
        }
        if let Some(interface) = &self.search.mdns {
            builder = builder.edge_mdns(interface.as_deref());
        }
        if let Some(files) = self.tls.files() {
            builder = builder.tls(files);
        }
        if let Some(zone) = &self.zone {
            builder = builder.zone(zone);
        }
        if let Some(class) = self.power.device_profile {
            builder = builder.class(class.word());
        }
        if let Some(models) = &self.models {
            builder = builder.models(models);
        }
        if let Some(policy) = &self.policy {
            builder = builder.policy_file(policy);
        }
        if let Some(labels) = &self.labels {
            builder = builder.labels(labels.clone());
        }
        builder
    }
}

impl PowerArgs {
    pub(crate) fn profile(&self) -> Profile {
        Profile::known(self.device_profile, self.link)
    }
}

impl TlsArgs {
    fn files(&self) -> Option<TlsFiles> {
        let authorities = self.authorities.clone()?;
        let identity = self.certificate.clone().zip(self.key.clone());
        Some(TlsFiles { authorities, identity, token: self.token_file.clone() })
    }
}

fn percent(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("must be 0 to 100".into()),
    }
}
