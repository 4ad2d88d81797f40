//! When a loop ends.

use std::io::Result;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

/// Waits for a time, if there is one, or for SIGTERM or SIGINT, whichever comes first.
pub(crate) async fn when(duration_s: Option<u64>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let time = async {
        match duration_s {
            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = time => {}
    }
    Ok(())
}
