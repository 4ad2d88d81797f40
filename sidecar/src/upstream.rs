//! Connections to the model server: a small pool, last used first. In: requests framed from scratch. Out: responses. A
//! lease that is dropped before its answer ended closes its connection, which is how the server learns that nobody waits.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::AbortHandle,
};

use crate::{config::Address, upload::Upload};

/// Longer than this no connection is kept idle: our runtime closes it after 75 s, and no request should meet that.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// The model server.
#[derive(Debug)]
pub struct Upstream {
    address: Address,
    idle: Mutex<Vec<Idle>>,
    idle_max: usize,
}

#[derive(Debug)]
struct Link {
    sender: SendRequest<Upload>,
    driver: AbortHandle,
}

/// A connection that waits for its next request.
#[derive(Debug)]
struct Idle {
    link: Link,
    since: Instant,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// One connection, in use.
#[derive(Debug)]
pub struct Lease {
    link: Link,
    upstream: Arc<Upstream>,
    fresh: bool,
}

/// Why there was no response.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the model server takes no connection")]
    Connect(#[source] io::Error),
    #[error("the connection to the model server broke")]
    Broken(#[source] hyper::Error),
}

impl Upstream {
    pub fn new(address: Address, idle_max: usize) -> Arc<Self> {
        Arc::new(Self { address, idle: Mutex::default(), idle_max })
    }

    /// `Host` of what is sent there.
    pub fn host(&self) -> &str {
        self.address.host()
    }

    /// Sends a request over a pooled connection or a fresh one. A pooled connection may have been closed in the
    /// meantime: what got no response over it goes over a fresh one, once, if it was not sent or is all at hand.
    pub async fn send(
        self: &Arc<Self>,
        request: Request<Upload>,
    ) -> Result<(Lease, Response<Incoming>), Error> {
        let lease = self.lease().await?;
        if lease.fresh {
            return lease.send(request).await.map_err(|(error, _)| Error::Broken(error));
        }
        let copy = copy(&request);
        let (error, unsent) = match lease.send(request).await {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        match unsent.or(copy) {
            // A server that speaks is not gone.
            Some(again) if !error.is_parse() => {
                self.connect().await?.send(again).await.map_err(|(error, _)| Error::Broken(error))
            }
            _ => Err(Error::Broken(error)),
        }
    }

    async fn lease(self: &Arc<Self>) -> Result<Lease, Error> {
        while let Some(mut link) = self.pop(Instant::now()) {
            if link.sender.ready().await.is_ok() {
                return Ok(Lease { link, upstream: Arc::clone(self), fresh: false });
            }
        }
        self.connect().await
    }

    async fn connect(self: &Arc<Self>) -> Result<Lease, Error> {
        let link = match &self.address {
            Address::Tcp(authority) => {
                let stream = TcpStream::connect(authority).await.map_err(Error::Connect)?;
                let _ = stream.set_nodelay(true);
                handshake(stream).await?
            }
            Address::Unix(path) => {
                handshake(UnixStream::connect(path).await.map_err(Error::Connect)?).await?
            }
        };
        Ok(Lease { link, upstream: Arc::clone(self), fresh: true })
    }

    fn pop(&self, now: Instant) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| now.saturating_duration_since(idle.since) < IDLE_MAX);
        idle.pop().map(|idle| idle.link)
    }
}

/// An inference changes nothing in the server, so that it may be asked for twice.
pub fn copy(request: &Request<Upload>) -> Option<Request<Upload>> {
    let mut copy = Request::new(request.body().copy()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

async fn handshake(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Link, Error> {
    /// Also the longest response head.
    const BUFFER_BYTES_MAX: usize = 64 << 10;
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(BUFFER_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(Error::Broken)?;
    // Its error is also the error of the request in it.
    let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
    Ok(Link { sender, driver })
}

type Unsent = (hyper::Error, Option<Request<Upload>>);

impl Lease {
    async fn send(mut self, request: Request<Upload>) -> Result<(Self, Response<Incoming>), Unsent> {
        match self.link.sender.try_send_request(request).await {
            Ok(response) => Ok((self, response)),
            Err(mut failed) => {
                let unsent = failed.take_message();
                Err((failed.into_error(), unsent))
            }
        }
    }

    /// Keeps the connection for the next request: the answer was read to its end.
    pub fn give_back(self) {
        let Self { link, upstream, .. } = self;
        let mut idle = upstream.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < upstream.idle_max && !link.sender.is_closed() {
            idle.push(Idle { link, since: Instant::now() });
        }
    }
}

#[cfg(test)]
mod tests;
