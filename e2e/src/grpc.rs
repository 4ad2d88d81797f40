//! gRPC as curl speaks it: one message in, one out, over HTTP/2 inside TLS.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};

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

/// Calls a method with an encoded message, or with none to see it refused: curl 7 loses an answer that comes while it
/// sends. `arguments` are curl's, for credentials.
///
/// # Errors
/// When curl has no answer, or one without a status.
pub fn call(url: &str, method: &str, message: Option<&[u8]>, arguments: &[&str]) -> Result<Ended> {
    let mut body = Vec::new();
    if let Some(message) = message {
        body.push(0);
        body.extend(u32::try_from(message.len())?.to_be_bytes());
        body.extend(message);
    }
    let with_body = ["--data-binary", "@-"];
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
        .args(["-D", "/dev/stderr", "-X", "POST", "--ignore-content-length"])
        .args(if message.is_some() { &with_body[..] } else { &[] })
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
    let value = |name: &str| {
        let value = lines.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name);
        value.map(|(_, value)| value.trim().to_owned())
    };
    Ok(Ended {
        status: value("grpc-status")
            .with_context(|| format!("no status ({}): {lines}", output.status))?
            .parse()?,
        outcome: value("longshore-outcome").unwrap_or_default(),
        message: output.stdout.get(5..).unwrap_or_default().to_vec(),
    })
}
