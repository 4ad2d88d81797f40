//! Connections: how many, how long, and how they end.
//!
//! Enters: a listener and the routes. Leaves: nothing until told to stop; then what runs is finished within the limit.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::listen::{Listener, Stream};
use crate::stall::WriteLimit;

/// The only client in a pod is the sidecar, which holds one connection for each request inside the server.
const CONNECTIONS_MAX: usize = 256;

/// From the end of one answer to the end of the next request's head: longer than the 60 s for which the sidecar keeps idle
/// connections (sidecar/src/upstream.rs), so that it closes them and no request meets a closing one.
const HEAD_MAX: Duration = Duration::from_secs(75);

const HEADERS_MAX: usize = 64;

/// Longest that a client may leave an answer unread.
const WRITE_STALL_MAX: Duration = Duration::from_secs(30);

/// Out of file descriptors, most likely: some will be closed soon.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves until `stopping` turns true, then finishes within `drain_max`.
pub async fn serve(
    listener: Listener,
    routes: Router,
    mut stopping: watch::Receiver<bool>,
    drain_max: Duration,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stopping) => break,
            // Ended tasks are collected while others arrive, so that the set stays small.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &slots) => accepted,
        };
        let (stream, slot) = accepted;
        let one = connection(stream, routes.clone(), stopping.clone());
        connections.spawn(async move {
            one.await;
            drop(slot);
        });
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    if timeout(drain_max, finish).await.is_err() {
        warn!(connections = connections.len(), "drain limit passed: cutting what still runs");
    }
}

async fn accept(
    listener: &Listener,
    slots: &Arc<Semaphore>,
) -> (Box<dyn Stream>, tokio::sync::OwnedSemaphorePermit) {
    let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok(stream) => return (stream, slot),
            Err(error) => {
                warn!(%error, "failed to accept a connection");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// A sender that is gone has stopped too.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn connection(stream: Box<dyn Stream>, routes: Router, mut stopping: watch::Receiver<bool>) {
    let stream = TokioIo::new(WriteLimit::new(stream, WRITE_STALL_MAX));
    let mut serving = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(stream, TowerToHyperService::new(routes))
    );
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = stopped(&mut stopping) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "connection ended early");
    }
}
