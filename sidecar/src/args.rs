//! The command line as words. It decides nothing.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use wire::Digest;

/// Longshore's offload endpoint: stands in front of a model server, lets in what can be answered in time, and says at
/// once what cannot.
///
/// Exit codes: 0 done, 64 bad usage, 78 bad configuration, 1 anything else. `fetch` and `verify`: 3 no model, 4 another
/// digest.
#[derive(Debug, Parser)]
#[command(name = "longshore-sidecar", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Configuration file, YAML.
    #[arg(long, value_name = "FILE", required = true)]
    pub config: Option<PathBuf>,
}

/// What else the binary does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Starts the drain of a running sidecar and returns when it is over; for a preStop hook.
    Drain {
        /// The sidecar's `drainSocket`.
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
    },
    /// Downloads a model file, resuming where an earlier try stopped, and checks its digest before it gets its name.
    Fetch(Fetch),
    /// Checks the digest of a model file.
    Verify(Verify),
}

/// `fetch`.
#[derive(Debug, Args)]
pub struct Fetch {
    /// Where the model is; https only.
    #[arg(long)]
    pub url: String,
    /// Where it goes. The unfinished download is beside it, with `.partial` at the end of its name.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// What it must be, `sha256:` and 64 hexadecimal digits. Without it any complete download is taken.
    #[arg(long)]
    pub digest: Option<Digest>,
    /// Longest file, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 30)]
    pub size_max: u64,
    /// Certificates (PEM) to trust in place of the public ones.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Host that a redirect may lead to, with its port unless that is 443; the URL's own always may. Can be given several
    /// times.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub allow_host: Vec<String>,
    /// Tries before giving up; each resumes where the last one stopped, and so does the next run.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub tries: u32,
    /// Pause after the first failed try, in milliseconds; it doubles with each, up to 30 seconds.
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    pub retry_pause_ms: u64,
    /// Where the reason of a failure goes, for the kubelet.
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    pub termination_log: PathBuf,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The model file.
    #[arg(long)]
    pub file: PathBuf,
    /// What it must be, `sha256:` and 64 hexadecimal digits.
    #[arg(long)]
    pub digest: Digest,
    /// Where the reason of a failure goes, for the kubelet.
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    pub termination_log: PathBuf,
}
