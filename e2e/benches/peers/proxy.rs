//! The proxies under test and the ways through them. In: the backend. Out: a running proxy that has answered, and the port
//! of each way.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::time::sleep;

use crate::{
    attack::Attack,
    backend::Backend,
    config::{self, Ports},
    load::{self, Load},
    process::Process,
};

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sidecar,
    SidecarUnix,
    HaProxy,
    Nginx,
    Envoy,
}

/// A way for requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Tcp,
    Unix,
    /// Over TCP, with the proxy's other way to treat bodies.
    Other,
    Grpc,
}

/// What is compared: a way through a proxy, or past all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    pub proxy: Option<Kind>,
    pub way: Way,
    /// What goes on beside.
    pub attack: Option<Attack>,
}

pub const KINDS: [Kind; 5] = [Kind::Sidecar, Kind::SidecarUnix, Kind::HaProxy, Kind::Nginx, Kind::Envoy];

pub const DIRECT: Arm = Arm { proxy: None, way: Way::Tcp, attack: None };
pub const SIDECAR: Arm = Arm { proxy: Some(Kind::Sidecar), way: Way::Tcp, attack: None };
pub const SIDECAR_UNIX: Arm = Arm { proxy: Some(Kind::SidecarUnix), way: Way::Unix, attack: None };
pub const SIDECAR_GRPC: Arm = Arm { proxy: Some(Kind::Sidecar), way: Way::Grpc, attack: None };
pub const HAPROXY: Arm = Arm { proxy: Some(Kind::HaProxy), way: Way::Tcp, attack: None };
pub const HAPROXY_UNIX: Arm = Arm { proxy: Some(Kind::HaProxy), way: Way::Unix, attack: None };
pub const HAPROXY_SPLICE: Arm = Arm { proxy: Some(Kind::HaProxy), way: Way::Other, attack: None };
pub const HAPROXY_GRPC: Arm = Arm { proxy: Some(Kind::HaProxy), way: Way::Grpc, attack: None };
pub const NGINX: Arm = Arm { proxy: Some(Kind::Nginx), way: Way::Tcp, attack: None };
pub const NGINX_UNIX: Arm = Arm { proxy: Some(Kind::Nginx), way: Way::Unix, attack: None };
pub const NGINX_UNBUFFERED: Arm = Arm { proxy: Some(Kind::Nginx), way: Way::Other, attack: None };
pub const ENVOY: Arm = Arm { proxy: Some(Kind::Envoy), way: Way::Tcp, attack: None };
pub const ENVOY_UNIX: Arm = Arm { proxy: Some(Kind::Envoy), way: Way::Unix, attack: None };
pub const ENVOY_GRPC: Arm = Arm { proxy: Some(Kind::Envoy), way: Way::Grpc, attack: None };

impl Arm {
    /// The same while that goes on.
    pub const fn under(self, attack: Attack) -> Self {
        Self { attack: Some(attack), ..self }
    }

    /// Its name in tables.
    pub fn name(self) -> String {
        let way = self.way_name();
        self.attack.map_or(way.clone(), |attack| format!("{way}, {}", attack.name()))
    }

    fn way_name(self) -> String {
        let Some(kind) = self.proxy else { return "direct".into() };
        let proxy = match kind {
            Kind::Sidecar | Kind::SidecarUnix => "sidecar",
            Kind::HaProxy => "HAProxy",
            Kind::Nginx => "nginx",
            Kind::Envoy => "Envoy",
        };
        let way = match (kind, self.way) {
            (_, Way::Unix) => ", Unix socket",
            (Kind::Nginx, Way::Other) => ", unbuffered",
            (_, Way::Other) => ", splice-auto",
            _ => "",
        };
        format!("{proxy}{way}")
    }

    /// Whether it is ours.
    pub fn is_ours(self) -> bool {
        matches!(self.proxy, Some(Kind::Sidecar | Kind::SidecarUnix))
    }
}

/// A running proxy.
pub struct Proxy {
    pub kind: Kind,
    pub process: Process,
    ports: Ports,
}

impl Proxy {
    /// Starts it in a folder of its own and waits until it answers.
    pub async fn start(kind: Kind, backend: &Backend, folder: &Path) -> Result<Self> {
        let folder = folder.join(format!("{kind:?}"));
        fs::create_dir_all(&folder)?;
        let ports = Ports { tcp: port()?, unix: port()?, other: port()?, grpc: port()?, admin: port()? };
        let text = match kind {
            Kind::Sidecar => config::sidecar(backend, ports, false),
            Kind::SidecarUnix => config::sidecar(backend, ports, true),
            Kind::HaProxy => config::haproxy(backend, ports),
            Kind::Nginx => config::nginx(backend, ports, &folder),
            Kind::Envoy => config::envoy(backend, ports),
        };
        let file = folder.join(if kind == Kind::Envoy { "config.json" } else { "config" });
        fs::write(&file, text)?;
        let file = file.to_str().context("a folder whose name is no text")?;
        let arguments: &[&str] = match kind {
            Kind::Sidecar | Kind::SidecarUnix => &["--config", file],
            Kind::HaProxy => &["-db", "-f", file],
            Kind::Nginx => &["-e", "stderr", "-c", file],
            Kind::Envoy => &["-c", file, "--concurrency", "1", "--disable-hot-restart", "-l", "error"],
        };
        let log = folder.join("log");
        let process = Process::start(&program(kind)?, arguments, &log)?;
        let mut proxy = Self { kind, process, ports };
        proxy.answers(&log).await?;
        Ok(proxy)
    }

    /// Where a way through it begins.
    pub fn address(&self, way: Way) -> SocketAddr {
        let port = match (self.kind, way) {
            // The sidecar takes every protocol on its one port.
            (Kind::Sidecar, _) | (_, Way::Tcp) => self.ports.tcp,
            (_, Way::Unix) => self.ports.unix,
            (_, Way::Other) => self.ports.other,
            (_, Way::Grpc) => self.ports.grpc,
        };
        (Ipv4Addr::LOCALHOST, port).into()
    }

    async fn answers(&mut self, log: &Path) -> Result<()> {
        const PATIENCE: Duration = Duration::from_secs(20);
        let way = if self.kind == Kind::SidecarUnix { Way::Unix } else { Way::Tcp };
        let (address, until) = (self.address(way), Instant::now() + PATIENCE);
        while let Err(error) = Load::start(address, 1, &load::small()).await {
            let text = || fs::read_to_string(log).unwrap_or_default();
            ensure!(self.process.runs(), "{:?} ended: {}", self.kind, text());
            if until < Instant::now() {
                bail!("{:?} does not answer: {error:#}\n{}", self.kind, text());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// The executable: ours beside this one, a peer's where the script put it.
pub fn program(kind: Kind) -> Result<PathBuf> {
    let variable = match kind {
        Kind::Sidecar | Kind::SidecarUnix => {
            let here = env::current_exe()?;
            let folder = here.ancestors().find(|folder| folder.ends_with("release"));
            return Ok(folder.context("no release folder")?.join("longshore-sidecar"));
        }
        Kind::HaProxy => "BENCH_HAPROXY",
        Kind::Nginx => "BENCH_NGINX",
        Kind::Envoy => "BENCH_ENVOY",
    };
    let file = env::var_os(variable).with_context(|| format!("{variable} is not set; use `make bench`"))?;
    Ok(file.into())
}

/// A free port.
pub fn port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
