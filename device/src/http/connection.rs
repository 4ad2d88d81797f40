//! Kept-alive connections to one endpoint.
//!
//! A node that was cut off drops packets, so connecting has its own short limit, and idle connections are thrown away
//! as soon as one of them was silent.

use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header, response::Parts};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wire::Outcome;

use super::tls::Tls;
use super::url::EdgeUrl;

/// Connections kept open while nothing is sent on them.
const IDLE_MAX: usize = 4;

/// Longest answer taken, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

type Sender = SendRequest<Full<Bytes>>;

/// The connections to one endpoint.
pub(crate) struct Connections {
    url: EdgeUrl,
    tls: Option<Arc<Tls>>,
    idle: Mutex<Vec<Kept>>,
}

/// An open connection, and the certificates that it was opened with.
struct Kept {
    sender: Sender,
    client: Option<Arc<ClientConfig>>,
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
    #[error("no TLS with {0}: {1}")]
    Tls(EdgeUrl, std::io::Error),
    #[error("no TLS with {0}: the device was given no authorities")]
    NoAuthorities(EdgeUrl),
    #[error("the connection to {0} broke: {cause}", cause = causes(.1))]
    Broken(EdgeUrl, hyper::Error),
    #[error("the answer of {0} is longer than {ANSWER_BYTES_MAX} bytes")]
    Answer(EdgeUrl),
    #[error("{0} did not answer within {1:?}")]
    Silent(EdgeUrl, Duration),
    #[error("{0} refused: {1}")]
    Refused(EdgeUrl, Outcome),
    #[error("the answer of {0} cannot be read: {1}")]
    Unreadable(EdgeUrl, String),
}

/// An alert of the peer is told only further down.
fn causes(error: &hyper::Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(further) = cause {
        text = format!("{text}: {further}");
        cause = further.source();
    }
    text
}

impl Connections {
    pub(crate) fn new(url: EdgeUrl, tls: Option<Arc<Tls>>) -> Self {
        Self { url, tls, idle: Mutex::default() }
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
        let client = self.client()?;
        let token = self.tls.as_ref().filter(|_| client.is_some()).and_then(|tls| tls.authorization());
        if let Some(token) = token {
            request.headers_mut().insert(header::AUTHORIZATION, token);
        }
        if let Some(kept) = self.take_idle(client.as_ref()) {
            match self.exchange_on(kept, request.clone()).await {
                Err(ExchangeError::Broken(..)) => {}
                done => return done,
            }
        }
        let fresh = self.connect(client, connect_max).await?;
        self.exchange_on(fresh, request).await
    }

    async fn exchange_on(
        &self,
        mut kept: Kept,
        request: Request<Full<Bytes>>,
    ) -> Result<Received, ExchangeError> {
        let broken = |error| ExchangeError::Broken(self.url.clone(), error);
        kept.sender.ready().await.map_err(broken)?;
        let sent_at = Instant::now();
        let response = kept.sender.send_request(request).await.map_err(broken)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| match error
            .downcast::<hyper::Error>(
        ) {
            Ok(error) => broken(*error),
            Err(_) => ExchangeError::Answer(self.url.clone()),
        })?;
        let received = Received { parts, body: body.to_bytes(), elapsed: sent_at.elapsed() };
        self.keep(kept);
        Ok(received)
    }

    /// What a connection of this moment is opened with; `None` where it is in the clear.
    fn client(&self) -> Result<Option<Arc<ClientConfig>>, ExchangeError> {
        match (&self.tls, self.url.is_encrypted()) {
            (_, false) => Ok(None),
            (Some(tls), true) => Ok(Some(tls.client())),
            (None, true) => Err(ExchangeError::NoAuthorities(self.url.clone())),
        }
    }

    async fn connect(
        &self,
        client: Option<Arc<ClientConfig>>,
        connect_max: Duration,
    ) -> Result<Kept, ExchangeError> {
        let dial = async {
            let connect = |error| ExchangeError::Connect(self.url.clone(), error);
            let stream = TcpStream::connect((self.url.host(), self.url.port())).await.map_err(connect)?;
            stream.set_nodelay(true).map_err(connect)?;
            let Some(client) = &client else { return self.start(stream).await };
            let handshake =
                TlsConnector::from(Arc::clone(client)).connect(self.url.server_name(), stream).await;
            self.start(handshake.map_err(|error| ExchangeError::Tls(self.url.clone(), error))?).await
        };
        let sender = timeout(connect_max, dial)
            .await
            .map_err(|_| ExchangeError::ConnectTimeout(self.url.clone(), connect_max))??;
        Ok(Kept { sender, client })
    }

    async fn start(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Sender, ExchangeError> {
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| ExchangeError::Broken(self.url.clone(), error))?;
        // Ends when the sender is dropped or the peer closes; its errors reach the sender.
        tokio::spawn(connection);
        Ok(sender)
    }

    /// A connection that is open, and was opened with what would be shown and believed now.
    fn take_idle(&self, client: Option<&Arc<ClientConfig>>) -> Option<Kept> {
        let mut idle = self.idle();
        while let Some(kept) = idle.pop() {
            let is_current = match (&kept.client, client) {
                (Some(then), Some(now)) => Arc::ptr_eq(then, now),
                (then, now) => then.is_none() && now.is_none(),
            };
            if is_current && !kept.sender.is_closed() {
                return Some(kept);
            }
        }
        None
    }

    fn keep(&self, kept: Kept) {
        let mut idle = self.idle();
        if !kept.sender.is_closed() && idle.len() < IDLE_MAX {
            idle.push(kept);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Kept>> {
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
