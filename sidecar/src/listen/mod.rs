//! The listener of the offload endpoint: accept, open, serve, linger. In: a bound socket. Out: requests for
//! [`crate::route`]. Every connection has a limit on each of its waits; more connections than the limit wait unaccepted.

pub mod connection;
pub mod head;
pub mod open;
pub mod pace;
pub mod scan;
pub mod sniff;
pub mod stream;
pub mod tls;
pub mod transport;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::Semaphore};

use crate::endpoint::Endpoint;

/// Accepts until the process ends.
pub async fn accept(listener: TcpListener, endpoint: Arc<Endpoint>) {
    let places = Arc::clone(&endpoint.connections);
    loop {
        let place =
            Semaphore::acquire_owned(Arc::clone(&places)).await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, from)) => {
                let endpoint = Arc::clone(&endpoint);
                tokio::spawn(async move {
                    endpoint.metrics.connections.inc();
                    connection::serve(stream, from.ip(), &endpoint).await;
                    endpoint.metrics.connections.dec();
                    drop(place);
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
