//! The model file before anything loads it: download and check, for init containers. In: arguments. Out: an exit code,
//! and on failure one line for the kubelet that begins with the condition's reason.

mod digest;
mod download;
pub mod get;

use std::{path::Path, process::ExitCode};

use wire::Digest;

use crate::args;

/// How a command ended.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("ModelDownloadFailed: {0}")]
    Download(String),
    #[error("ModelLoadFailed: {0}")]
    Missing(String),
    #[error("DigestMismatch: expected {expected} got {got}")]
    Digest { expected: Digest, got: Digest },
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Download(_) | Self::Missing(_) => 3,
            Self::Digest { .. } => 4,
        }
    }
}

/// `longshore-sidecar fetch`.
pub fn fetch(args: &args::Fetch) -> ExitCode {
    report(download::fetch(args), &args.termination_log)
}

/// `longshore-sidecar verify`.
pub fn verify(args: &args::Verify) -> ExitCode {
    report(digest::check(&args.file, &args.digest), &args.termination_log)
}

fn report(result: Result<(), Failure>, termination_log: &Path) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    let line = failure.to_string();
    tracing::error!("{line}");
    if let Err(error) = std::fs::write(termination_log, &line) {
        tracing::warn!(path = %termination_log.display(), %error, "no termination log");
    }
    failure.code().into()
}

#[cfg(test)]
mod tests;
