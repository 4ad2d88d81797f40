//! Whether the model is proved to answer. In: probes of the model server and news of failures. Out: one bit that requests
//! read, and whether it was ever true. It turns false at once and true again by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use crate::{
    endpoint::Endpoint,
    grpc,
    proxy::{forward, upstream::Upstream},
    warmup,
};

/// Longest wait for one answer to a probe.
pub const PROBE_MAX: Duration = Duration::from_secs(2);
const PAUSE_READY: Duration = Duration::from_secs(1);
const PAUSE_NOT_READY: Duration = Duration::from_millis(250);
/// A busy server is slow to answer a probe and is no less ready for it.
const SILENCES_MAX: u32 = 3;

/// Whether the model answers.
#[derive(Debug, Default)]
pub struct Ready {
    now: watch::Sender<bool>,
    ever: AtomicBool,
    look: Notify,
}

/// What a probe found.
pub enum Probe {
    Yes,
    No(String),
    Silent,
}

impl Ready {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn is_ready(&self) -> bool {
        *self.now.borrow()
    }

    /// Every change.
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.now.subscribe()
    }

    /// Whether it has been ready since the start of this process.
    pub fn has_been_ready(&self) -> bool {
        self.ever.load(Ordering::Relaxed)
    }

    /// A request failed; `gone` when nothing listens there any more.
    pub fn suspect(&self, gone: bool) {
        if gone {
            self.set(false);
        }
        self.look.notify_one();
    }

    fn set(&self, ready: bool) {
        if self.now.send_replace(ready) != ready {
            tracing::info!(ready, "model readiness changed");
        }
        self.ever.fetch_or(ready, Ordering::Relaxed);
    }
}

/// Watches the model server until the process ends.
pub async fn watch(endpoint: Arc<Endpoint>) {
    let mut silences = 0;
    let mut last_reason = String::new();
    loop {
        match probe(&endpoint).await {
            Probe::Yes => {
                silences = 0;
                last_reason.clear();
                if !endpoint.ready.is_ready() {
                    let proved = warmup::prove(&endpoint).await;
                    endpoint.ready.set(proved);
                }
            }
            Probe::No(reason) => {
                if reason != last_reason {
                    tracing::info!(reason, "model not ready");
                    last_reason = reason;
                }
                endpoint.ready.set(false);
            }
            Probe::Silent => {
                silences += 1;
                if silences >= SILENCES_MAX {
                    endpoint.ready.set(false);
                }
            }
        }
        let pause = if endpoint.ready.is_ready() { PAUSE_READY } else { PAUSE_NOT_READY };
        let _ = timeout(pause, endpoint.ready.look.notified()).await;
    }
}

/// Each protocol that the server is configured with must answer.
async fn probe(endpoint: &Arc<Endpoint>) -> Probe {
    if let Some(upstream) = &endpoint.upstream {
        match probe_http(endpoint, upstream).await {
            Probe::Yes => {}
            other => return other,
        }
    }
    match &endpoint.channel {
        Some(channel) => grpc::probe::probe(endpoint, channel).await,
        None => Probe::Yes,
    }
}

async fn probe_http(endpoint: &Endpoint, upstream: &Arc<Upstream>) -> Probe {
    let model = model_path(endpoint) + "/ready";
    for path in [wire::path::SERVER_READY, &model] {
        match timeout(PROBE_MAX, upstream.send(forward::probe(upstream, path))).await {
            Err(_) => return Probe::Silent,
            Ok(Err(error)) => return Probe::No(error.to_string()),
            Ok(Ok(response)) => {
                let status = response.status();
                // Read to its end, so that the connection can be used again.
                let mut body = response.into_body();
                let _ = timeout(PROBE_MAX, async { while let Some(Ok(_)) = body.piece().await {} }).await;
                if !forward::is_yes(status) {
                    return Probe::No(format!("GET {path}: {status}"));
                }
            }
        }
    }
    Probe::Yes
}

/// The model's path at the server, with the version where the configuration names one.
pub fn model_path(endpoint: &Endpoint) -> String {
    let model = &endpoint.config.model;
    let path = wire::path::model(&model.name);
    match &model.version {
        Some(version) => format!("{path}/versions/{version}"),
        None => path,
    }
}
