//! How an endpoint leaves: quiet, refusing, drained. In: one command to begin. Out: the phase, which everybody watches.
//! It goes forward only.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{io::AsyncWriteExt, net::UnixListener, sync::watch, time::timeout};

use crate::endpoint::Endpoint;

/// Where an endpoint stands on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not leaving.
    Serving,
    /// Says that it leaves and still serves, so that routes and devices can notice.
    Quiet,
    /// Refuses new work and finishes what runs.
    Refusing,
    /// Nothing runs any more, or its time is over. Refusals are still answered.
    Drained,
    /// The process ends: idle connections close.
    Stopping,
}

/// The phase and those who wait for it.
#[derive(Debug)]
pub struct Drain {
    phase: watch::Sender<Phase>,
}

impl Drain {
    pub fn new() -> Self {
        Self { phase: watch::Sender::new(Phase::Serving) }
    }

    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Every change of the phase.
    pub fn subscribe(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Waits for a phase or a later one.
    pub fn reached(&self, phase: Phase) -> impl Future<Output = ()> + Send + use<> {
        let mut receiver = self.phase.subscribe();
        async move {
            // Fails only when the endpoint is gone, and then nobody waits.
            let _ = receiver.wait_for(|now| *now >= phase).await;
        }
    }

    /// Moves forward; `false` when this phase was reached before.
    fn advance(&self, phase: Phase) -> bool {
        self.phase.send_if_modified(|now| {
            let forward = *now < phase;
            if forward {
                *now = phase;
            }
            forward
        })
    }
}

/// Begins the drain once; later calls change nothing.
pub fn begin(endpoint: &Arc<Endpoint>) {
    if !endpoint.drain.advance(Phase::Quiet) {
        return;
    }
    tracing::info!(quiet = ?endpoint.config.quiet, "draining");
    let endpoint = Arc::clone(endpoint);
    tokio::spawn(async move {
        tokio::time::sleep(endpoint.config.quiet).await;
        endpoint.drain.advance(Phase::Refusing);
        match timeout(endpoint.config.drain_max, endpoint.running.none()).await {
            Ok(()) => tracing::info!("drained"),
            Err(_) => tracing::warn!(left = endpoint.running.count(), "drain deadline passed"),
        }
        endpoint.drain.advance(Phase::Drained);
    });
}

/// Says that the process ends.
pub fn stop(endpoint: &Endpoint) {
    endpoint.drain.advance(Phase::Stopping);
}

/// How long a drain may take at most, with room for a command that comes a little later.
pub fn bound(endpoint: &Endpoint) -> Duration {
    const ROOM: Duration = Duration::from_secs(5);
    endpoint.config.quiet + endpoint.config.drain_max + ROOM
}

/// Opens the socket that takes the command. The file of an earlier run is in the way and goes.
pub fn bind(path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

/// Takes the command: connecting is the command, the end of the answer is the end of the drain.
pub async fn serve(listener: UnixListener, endpoint: Arc<Endpoint>) {
    loop {
        match listener.accept().await {
            Ok((mut stream, _)) => {
                begin(&endpoint);
                let drained = endpoint.drain.reached(Phase::Drained);
                tokio::spawn(async move {
                    drained.await;
                    let _ = stream.write_all(DRAINED).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "drain socket failed");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

const DRAINED: &[u8] = b"drained\n";

/// The command's side: begins the drain behind a socket and returns when it is over.
pub fn command(path: &Path) -> std::io::Result<()> {
    use std::io::Read;
    let mut stream = std::os::unix::net::UnixStream::connect(path)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer == DRAINED { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}
