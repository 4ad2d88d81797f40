//! The connection to the model server's gRPC: one for all requests, made when it is needed and again when it is gone.
//! In: requests. Out: responses. A request or an answer that is dropped resets its stream, which is how the server learns
//! that nobody waits. Tries to connect are few by themselves: the first failure ends readiness, and then nobody asks.

use std::sync::Arc;

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, Uri,
    header::{CONTENT_TYPE, TE},
};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    sync::Mutex,
};
use wire::grpc;

use crate::{
    config::Address,
    proxy::{upload::Upload, upstream::Error},
};

/// What the server may send of one answer before the device takes it.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
/// What may wait of one request.
const SEND_BUFFER_BYTES: usize = 64 << 10;
const HEADERS_BYTES_MAX: u32 = 32 << 10;
/// Streams that were reset and whose last frames may still come.
const RESETS_KNOWN_MAX: usize = 256;

/// The model server's gRPC.
pub struct Channel {
    address: Address,
    window_bytes: u32,
    link: Mutex<Option<Link>>,
}

#[derive(Clone)]
struct Link {
    sender: SendRequest<Upload>,
    /// How many came before.
    number: u64,
}

impl Channel {
    /// A channel for so many requests at once: none of their readers may stop the others.
    pub fn new(address: Address, at_once: usize) -> Arc<Self> {
        const WINDOW_BYTES_MAX: u32 = i32::MAX.unsigned_abs();
        let at_once = u32::try_from(at_once).unwrap_or(u32::MAX);
        let window_bytes = STREAM_WINDOW_BYTES.saturating_mul(at_once).min(WINDOW_BYTES_MAX);
        Arc::new(Self { address, window_bytes, link: Mutex::default() })
    }

    /// A request for the server.
    pub fn request(&self, path: &str, mut headers: HeaderMap, body: Upload) -> Request<Upload> {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(grpc::CONTENT_TYPE));
        let uri = Uri::builder().scheme("http").authority(self.address.host()).path_and_query(path);
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.build().expect("the address was checked and the path is one of a list");
        *request.headers_mut() = headers;
        request
    }

    /// Sends a request. The connection may have been closed in the meantime: what got no response over an old one goes
    /// over another, once, if it was not sent or is all at hand.
    pub async fn send(&self, request: Request<Upload>) -> Result<Response<Incoming>, Error> {
        let (mut link, is_fresh) = self.link(None).await?;
        let copy = if is_fresh { None } else { copy(&request) };
        let mut failed = match link.sender.try_send_request(request).await {
            Ok(response) => return Ok(response),
            Err(failed) => failed,
        };
        match failed.take_message().or(copy) {
            None => Err(Error::Broken(failed.into_error().into())),
            Some(again) => {
                let (mut link, _) = self.link(Some(link.number)).await?;
                link.sender.send_request(again).await.map_err(|error| Error::Broken(error.into()))
            }
        }
    }

    /// The shared connection and whether it is a fresh one; never the one that has just `failed`.
    async fn link(&self, failed: Option<u64>) -> Result<(Link, bool), Error> {
        let mut shared = self.link.lock().await;
        let number = match &*shared {
            Some(link) if !link.sender.is_closed() && failed != Some(link.number) => {
                return Ok((link.clone(), false));
            }
            last => last.as_ref().map_or(0, |link| link.number + 1),
        };
        let link = Link { sender: self.connect().await?, number };
        Ok((shared.insert(link).clone(), true))
    }

    async fn connect(&self) -> Result<SendRequest<Upload>, Error> {
        match &self.address {
            Address::Tcp(authority) => {
                let stream = TcpStream::connect(authority).await.map_err(Error::Connect)?;
                let _ = stream.set_nodelay(true);
                self.handshake(stream).await
            }
            Address::Unix(path) => {
                self.handshake(UnixStream::connect(path).await.map_err(Error::Connect)?).await
            }
        }
    }

    async fn handshake(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<SendRequest<Upload>, Error> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(self.window_bytes)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .max_header_list_size(HEADERS_BYTES_MAX)
            .max_concurrent_reset_streams(RESETS_KNOWN_MAX)
            // It is the devices that leave: their number must not end the connection of the others.
            .max_local_error_reset_streams(None)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Error::Broken(error.into()))?;
        // Its error is also the error of the requests in it. It ends with the last of them once it is replaced.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

/// An inference changes nothing in the server, so that it may be asked for twice.
fn copy(request: &Request<Upload>) -> Option<Request<Upload>> {
    let mut copy = Request::new(request.body().copy()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}
