//! The last words of a failed start, where Kubernetes looks for them.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// What the kubelet keeps of a termination message.
const BYTES_MAX: usize = 4096;

/// An error and its causes in one line.
pub fn text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Writes the message if the file is there. Outside Kubernetes it is not, and the log says the same.
pub fn write(path: &Path, message: &str) {
    let bytes = &message.as_bytes()[..message.floor_char_boundary(BYTES_MAX)];
    if let Ok(mut file) = OpenOptions::new().write(true).truncate(true).open(path)
        && let Err(error) = file.write_all(bytes)
    {
        tracing::warn!(%error, path = %path.display(), "failed to write the termination message");
    }
}
