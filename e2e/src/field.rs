//! Devices out in the field: each in a network namespace of its own, behind a link of its own rate, on the nodes' network.
//! The links have no delay of their own: that needs a queueing discipline which not every kernel has.

use std::{
    env, fs,
    io::Write as _,
    net::Ipv4Addr,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    device::{Device, Watch},
    node::docker,
    wait,
};

/// The network that the nodes of a cluster are on.
pub struct Network {
    bridge: String,
    /// The last address of it.
    last: Ipv4Addr,
    bits: u8,
}

/// A device in its namespace.
pub struct Placed {
    /// What it says.
    pub watch: Watch,
    pid: u32,
    zone: ZoneFile,
}

/// Where a device reads at which site it is.
struct ZoneFile(PathBuf);

impl Network {
    /// The network of a node.
    ///
    /// # Errors
    /// When docker does not tell.
    pub fn of(node: &str) -> Result<Self> {
        let name = docker(&[
            "inspect",
            "-f",
            "{{range $name, $n := .NetworkSettings.Networks}}{{$name}}{{end}}",
            node,
        ])?;
        let format = "{{.Id}} {{(index .IPAM.Config 0).Subnet}}";
        let found = docker(&["network", "inspect", "-f", format, &name])?;
        let (id, subnet) = found.split_once(' ').context("a network without a subnet")?;
        let (first, bits) = subnet.split_once('/').context("a subnet without a length")?;
        let bits: u8 = bits.parse()?;
        let last = u32::from(first.parse::<Ipv4Addr>()?) | (u32::MAX >> bits);
        Ok(Self { bridge: format!("br-{}", &id[..12]), last: last.into(), bits })
    }

    /// Starts a device behind a link of this rate, for sending and for receiving. Its address is the `number`th from the end.
    ///
    /// # Errors
    /// When the namespace or the link cannot be made.
    pub fn place(
        &self,
        device: &Device,
        number: u16,
        kilobits: u32,
        zone: &str,
        period_ms: u32,
    ) -> Result<Placed> {
        let file = ZoneFile(env::temp_dir().join(format!("longshore-zone-{}-{number}", std::process::id())));
        file.write(zone)?;
        let device = device.clone().with(&["--zone-file", &file.0.display().to_string()]);
        // Runs in its namespace, and waits for its link there.
        let mut outer = Command::new("unshare");
        outer.args(["--net", "--", "sh", "-c", r#"read go && exec "$@""#, "sh"]).stdin(Stdio::piped());
        let mut watch = device.watch_inside(&mut outer, period_ms)?;
        let pid = watch.child().id();
        let ours = fs::read_link("/proc/self/ns/net")?;
        wait::until_true("a network namespace", Duration::from_secs(10), || {
            Ok(fs::read_link(format!("/proc/{pid}/ns/net"))? != ours)
        })?;
        self.connect(pid, number, kilobits)?;
        let mut start = watch.child().stdin.take().context("no standard input")?;
        start.write_all(b"go\n")?;
        Ok(Placed { watch, pid, zone: file })
    }

    /// The pair of ends goes away with the namespace.
    fn connect(&self, pid: u32, number: u16, kilobits: u32) -> Result<()> {
        // Of this process: a namespace takes a moment to go, and its links with it.
        let outside = format!("ls{}-{number}", std::process::id());
        let address = Ipv4Addr::from(u32::from(self.last) - 1 - u32::from(number));
        let (pid, rate) = (pid.to_string(), format!("{kilobits}kbit"));
        let shape = ["root", "tbf", "rate", &rate, "burst", "32kb", "latency", "300ms"];
        run("ip", &["link", "add", &outside, "type", "veth", "peer", "name", "eth0", "netns", &pid])?;
        run("ip", &["link", "set", &outside, "master", &self.bridge, "up"])?;
        run("tc", &[&["qdisc", "add", "dev", &outside], &shape[..]].concat())?;
        let inside = ["-t", &pid, "-n"];
        let address = format!("{address}/{}", self.bits);
        run("nsenter", &[&inside[..], &["ip", "address", "add", &address, "dev", "eth0"]].concat())?;
        run("nsenter", &[&inside[..], &["ip", "link", "set", "eth0", "up"]].concat())?;
        run("nsenter", &[&inside[..], &["tc", "qdisc", "add", "dev", "eth0"], &shape[..]].concat())
    }
}

impl Placed {
    /// The device is at another site.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn move_to(&self, zone: &str) -> Result<()> {
        self.zone.write(zone)
    }

    /// From now on nothing it sends to this address arrives.
    ///
    /// # Errors
    /// When its namespace is gone.
    pub fn lose_sight_of(&self, address: &str) -> Result<()> {
        run("nsenter", &["-t", &self.pid.to_string(), "-n", "ip", "route", "add", "blackhole", address])
    }
}

impl ZoneFile {
    /// At once: nobody reads half of it.
    fn write(&self, zone: &str) -> Result<()> {
        let next = self.0.with_extension("next");
        fs::write(&next, zone)?;
        Ok(fs::rename(&next, &self.0)?)
    }
}

impl Drop for ZoneFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("{program} cannot run"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {}: {told}", arguments.join(" "));
    Ok(())
}
