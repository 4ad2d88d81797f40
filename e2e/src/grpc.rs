//! gRPC as curl speaks it: one message in, one out, over HTTP/2 inside TLS.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    /// The gRPC status code.
    pub status: u32,
    /// The word of the sidecar, where there is one.
    pub outcome: String,
    /// The answer without its prefix of five bytes; empty where there is none.
    pub message: Vec<u8>,
}

/// Calls a method with an encoded message; `arguments` are curl's, for credentials.
///
/// # Errors
/// When curl has no answer, or one without a status.
pub fn call(url: &str, method: &str, message: &[u8], arguments: &[&str]) -> Result<Ended> {
    let mut body = vec![0];
    body.extend(u32::try_from(message.len())?.to_be_bytes());
    body.extend(message);
    let mut child = Command::new("curl")
        .args([
            "-sS",
            "--http2",
            "--max-time",
            "10",
            "-H",
            "content-type: application/grpc",
            "-H",
            "te: trailers",
        ])
        // Head and trailers to standard error, the answer to standard output.
        // Without the last of these curl hangs up on the last byte of the body and misses the trailers.
        .args(["-D", "/dev/stderr", "--data-binary", "@-", "--ignore-content-length"])
        .args(arguments)
        .arg(format!("{url}/{method}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("curl is not on PATH")?;
    child.stdin.take().context("no standard input")?.write_all(&body)?;
    let output = child.wait_with_output()?;
    let lines = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "curl: {lines}");
    let value = |name: &str| {
        let value = lines.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name);
        value.map(|(_, value)| value.trim().to_owned())
    };
    Ok(Ended {
        status: value("grpc-status").with_context(|| format!("no status: {lines}"))?.parse()?,
        outcome: value("longshore-outcome").unwrap_or_default(),
        message: output.stdout.get(5..).unwrap_or_default().to_vec(),
    })
}
