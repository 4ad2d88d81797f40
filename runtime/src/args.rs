//! The command line: words, units and defaults.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Serves ONNX models on the CPU with the Open Inference Protocol v2 over HTTP.
///
/// Every model under --models is loaded at the start; the server is live from the start and ready when all are loaded.
/// A model that cannot be loaded ends the program with exit code 1.
///
/// Exit codes: 0 after SIGTERM or SIGINT, 64 bad usage, 78 bad configuration (no models folder), 1 any other failure.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "longshore-runtime", version)]
pub struct Args {
    /// Folder of models, laid out as DIR/<name>/<version>/model.onnx; versions are whole numbers, the highest is the
    /// default.
    #[arg(long, value_name = "DIR")]
    pub models: PathBuf,

    /// Where to listen: an IP address and a port, or unix:PATH. Clients are not authenticated: keep it on loopback.
    #[arg(long, value_name = "ADDRESS|unix:PATH", default_value = "127.0.0.1:8000")]
    pub listen: Listen,

    /// Largest request body, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024 * 1024)]
    pub max_body_bytes: usize,

    /// Most inferences at once, each on one thread [default: number of cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Longest wait at shutdown for requests that are running, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub drain_seconds: u32,

    /// File that gets the reason of a failed exit, where it exists and can be written: Kubernetes shows it in the pod's
    /// status.
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    pub termination_message: PathBuf,
}

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket; its folder must exist.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("a path must follow unix:".to_owned()),
            Some(path) => Ok(Self::Unix(PathBuf::from(path))),
            None => text.parse().map(Self::Tcp).map_err(|_| {
                "expected an IP address and a port, such as 127.0.0.1:8000, or unix:PATH".to_owned()
            }),
        }
    }
}
