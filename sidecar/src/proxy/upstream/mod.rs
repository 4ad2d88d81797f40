//! Connections to the model server: a small pool, last used first. In: requests framed from scratch. Out: responses. A
//! response that is dropped before its end closes its connection, which is how the server learns that nobody waits.

pub mod body;
pub mod link;
pub mod response;

use std::{
    error::Error as StdError,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};

use self::{
    body::ServerBody,
    link::{Failure, Link},
};
use crate::{config::Address, proxy::upload::Upload};

/// Longer than this no connection is kept idle: our runtime closes it after 75 s, and no request should meet that.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// The same where a body cannot be sent a second time. No server that we know closes so early.
const IDLE_MAX_FOR_ONE_TRY: Duration = Duration::from_secs(1);

/// The model server.
#[derive(Debug)]
pub struct Upstream {
    address: Address,
    idle: Mutex<Vec<Idle>>,
    idle_max: usize,
}

/// A connection that waits for its next request.
#[derive(Debug)]
struct Idle {
    link: Link,
    since: Instant,
}

/// One connection, in use.
#[derive(Debug)]
pub struct Lease {
    link: Link,
    upstream: Arc<Upstream>,
}

/// Why there was no response.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the model server takes no connection")]
    Connect(#[source] io::Error),
    #[error("the connection to the model server broke")]
    Broken(#[source] Box<dyn StdError + Send + Sync>),
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
    /// meantime: what got no answer over it goes over a fresh one, once.
    pub async fn send(self: &Arc<Self>, request: Request<Upload>) -> Result<Response<ServerBody>, Error> {
        let (parts, mut upload) = request.into_parts();
        let head = link::head(&parts, &upload);
        if let Some(again) = upload.copy() {
            if let Some(link) = self.pop(Instant::now(), IDLE_MAX) {
                match self.lease(link).exchange(head.clone(), &mut upload).await {
                    Err(Failure { is_answered: false, .. }) => upload = again,
                    answered => return Ok(answered?),
                }
            }
        } else if let Some(link) = self.pop(Instant::now(), IDLE_MAX_FOR_ONE_TRY) {
            return Ok(self.lease(link).exchange(head, &mut upload).await?);
        }
        let link = Link::connect(&self.address).await.map_err(Error::Connect)?;
        Ok(self.lease(link).exchange(head, &mut upload).await?)
    }

    fn lease(self: &Arc<Self>, link: Link) -> Lease {
        Lease { link, upstream: Arc::clone(self) }
    }

    /// The connection that was used last, if the server has not closed it.
    fn pop(&self, now: Instant, idle_max: Duration) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| now.saturating_duration_since(idle.since) < IDLE_MAX);
        while let Some(last) = idle.pop_if(|last| now.saturating_duration_since(last.since) < idle_max) {
            if last.link.is_quiet() {
                return Some(last.link);
            }
        }
        None
    }
}

impl Lease {
    async fn exchange(self, head: Bytes, upload: &mut Upload) -> Result<Response<ServerBody>, Failure> {
        let answer = self.link.exchange(head, upload).await?;
        Ok(answer.map(|answer| ServerBody::new(self, answer)))
    }

    /// Keeps the connection for the next request: the answer was read to its end.
    fn give_back(self) {
        let Self { link, upstream } = self;
        let mut idle = upstream.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < upstream.idle_max {
            idle.push(Idle { link, since: Instant::now() });
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Broken(failure.error.into())
    }
}

#[cfg(test)]
mod tests;
