//! The story of start and stop. In: an endpoint with its configuration. Out: when the process may exit. Every part is
//! bound before the first is served, so that a port that is taken is an error and not half a sidecar.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};

use crate::{
    admin,
    drain::{self, Phase},
    endpoint::Endpoint,
    listen, peers, ready, trace,
};

/// Serves until told to stop, and leaves politely.
pub async fn run(endpoint: Arc<Endpoint>) -> anyhow::Result<()> {
    let config = &endpoint.config;
    let mut stop = Stop::listen()?;
    let traffic = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listen: cannot bind {}", config.listen))?;
    let admin = TcpListener::bind(config.admin)
        .await
        .with_context(|| format!("admin: cannot bind {}", config.admin))?;
    let commands =
        config.drain_socket.as_deref().map(drain::bind).transpose().context("drainSocket: cannot bind")?;
    tracing::info!(listen = %traffic.local_addr()?, admin = %admin.local_addr()?, model = config.model.name, "started");

    tokio::spawn(admin::serve(admin, Arc::clone(&endpoint)));
    tokio::spawn(ready::watch(Arc::clone(&endpoint)));
    tokio::spawn(peers::watch(Arc::clone(&endpoint)));
    trace::start(&endpoint);
    tokio::spawn(listen::accept(traffic, Arc::clone(&endpoint)));
    if let Some(commands) = commands {
        tokio::spawn(drain::serve(commands, Arc::clone(&endpoint)));
    }

    stop.wait().await;
    drain::begin(&endpoint);
    tokio::select! {
        () = endpoint.drain.reached(Phase::Drained) => say_goodbye(&endpoint).await,
        () = stop.wait() => tracing::warn!("second signal, leaving at once"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// Connections flush their last answers and close.
async fn say_goodbye(endpoint: &Endpoint) {
    const GOODBYE_MAX: Duration = Duration::from_secs(1);
    drain::stop(endpoint);
    let _ = timeout(GOODBYE_MAX, endpoint.crowd.gone()).await;
}

/// SIGTERM, or SIGINT at a terminal.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
