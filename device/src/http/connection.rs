//! Kept-alive connections to one endpoint.
//!
//! A node that was cut off drops packets, so connecting has its own short limit, and idle connections are thrown away
//! as soon as one of them was silent.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header, response::Parts};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::url::EdgeUrl;

/// Connections kept open while nothing is sent on them.
const IDLE_MAX: usize = 4;

/// Longest answer taken, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

type Sender = SendRequest<Full<Bytes>>;

/// The connections to one endpoint.
pub(crate) struct Connections {
    url: EdgeUrl,
    idle: Mutex<Vec<Sender>>,
}

/// A whole answer.
pub(crate) struct Received {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    /// From handing the request to an open connection until the end of the answer.
    pub(crate) elapsed: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("no connection to {0} within {1:?}")]
    ConnectTimeout(EdgeUrl, Duration),
    #[error("failed to connect to {0}: {1}")]
    Connect(EdgeUrl, std::io::Error),
    #[error("the connection to {0} broke: {1}")]
    Broken(EdgeUrl, hyper::Error),
    #[error("the answer of {0} is longer than {ANSWER_BYTES_MAX} bytes")]
    Answer(EdgeUrl),
    #[error("{0} did not answer within {1:?}")]
    Silent(EdgeUrl, Duration),
    #[error("the answer of {0} cannot be read: {1}")]
    Unreadable(EdgeUrl, String),
}

impl Connections {
    pub(crate) fn new(url: EdgeUrl) -> Self {
        Self { url, idle: Mutex::default() }
    }

    pub(crate) const fn url(&self) -> &EdgeUrl {
        &self.url
    }

    /// Closes idle connections: they lead to where one was silent.
    pub(crate) fn forget_idle(&self) {
        self.idle().clear();
    }

    /// Sends a request and reads the whole answer. A kept connection that turns out to be closed is replaced once.
    pub(crate) async fn exchange(
        &self,
        mut request: Request<Full<Bytes>>,
        connect_max: Duration,
    ) -> Result<Received, ExchangeError> {
        let host = self.url.authority().parse().expect("an authority is a header value");
        request.headers_mut().insert(header::HOST, host);
        if let Some(kept) = self.take_idle() {
            match self.exchange_on(kept, request.clone()).await {
                Err(ExchangeError::Broken(..)) => {}
                done => return done,
            }
        }
        let fresh = self.connect(connect_max).await?;
        self.exchange_on(fresh, request).await
    }

    async fn exchange_on(
        &self,
        mut sender: Sender,
        request: Request<Full<Bytes>>,
    ) -> Result<Received, ExchangeError> {
        let broken = |error| ExchangeError::Broken(self.url.clone(), error);
        sender.ready().await.map_err(broken)?;
        let sent_at = Instant::now();
        let response = sender.send_request(request).await.map_err(broken)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| match error
            .downcast::<hyper::Error>(
        ) {
            Ok(error) => broken(*error),
            Err(_) => ExchangeError::Answer(self.url.clone()),
        })?;
        let received = Received { parts, body: body.to_bytes(), elapsed: sent_at.elapsed() };
        self.keep(sender);
        Ok(received)
    }

    async fn connect(&self, connect_max: Duration) -> Result<Sender, ExchangeError> {
        let dial = async {
            let stream = TcpStream::connect((self.url.host(), self.url.port())).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = timeout(connect_max, dial)
            .await
            .map_err(|_| ExchangeError::ConnectTimeout(self.url.clone(), connect_max))?
            .map_err(|error| ExchangeError::Connect(self.url.clone(), error))?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| ExchangeError::Broken(self.url.clone(), error))?;
        // Ends when the sender is dropped or the peer closes; its errors reach the sender.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn take_idle(&self) -> Option<Sender> {
        let mut idle = self.idle();
        while let Some(sender) = idle.pop() {
            if !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    fn keep(&self, sender: Sender) {
        let mut idle = self.idle();
        if !sender.is_closed() && idle.len() < IDLE_MAX {
            idle.push(sender);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Sender>> {
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
