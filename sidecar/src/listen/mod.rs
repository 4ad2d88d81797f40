//! The listener of the offload endpoint: accept, open, serve, linger. In: a bound socket. Out: requests for
//! [`crate::proxy::route`]. Every connection has a limit on each of its waits, and a place among a limited number.

pub mod connection;
pub mod crowd;
pub mod open;
pub mod pace;
pub mod sniff;
pub mod tls;
pub mod transport;
pub mod watched;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::net::TcpListener;

use self::pace::Pace;
use crate::endpoint::Endpoint;

/// Accepts until the process ends.
pub async fn accept(listener: TcpListener, endpoint: Arc<Endpoint>) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let endpoint = Arc::clone(&endpoint);
                let pace = Arc::new(Mutex::new(Pace::new(Instant::now(), endpoint.config.limits.pace)));
                let displaced = || {
                    endpoint.metrics.displaced.inc();
                };
                let source = from.ip().into();
                let place = endpoint.crowd.enter(source, Arc::clone(&pace), displaced).await;
                tokio::spawn(async move {
                    endpoint.metrics.connections.inc();
                    tokio::select! {
                        biased;
                        () = connection::serve(stream, source, pace, &endpoint) => {}
                        () = place.must_go() => tracing::debug!("connection made room"),
                    }
                    endpoint.metrics.connections.dec();
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: closing connections will help, spinning will not.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
