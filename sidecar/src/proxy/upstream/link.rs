//! One connection to the model server. In: a request's head and body. Out: the head of the response and what came with it.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{Response, StatusCode, request};
use hyper::body::Body as _;
use rustix::net::sockopt;
use tokio::net::{TcpStream, UnixStream};

use super::response;
use crate::{
    config::Address,
    proxy::{
        http1::{
            framing::Body,
            serve::{append, decimal},
        },
        pipe::Pipe,
        ready_io::ReadyIo,
        scratch,
        upload::{Piece, Upload},
    },
};

/// Longest head of a response.
const HEAD_BYTES_MAX: usize = 64 << 10;
const READ_BYTES: usize = 64 << 10;

/// A connection.
#[derive(Debug)]
pub enum Link {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What stands behind the head of a response.
#[derive(Debug)]
pub struct Answer {
    pub body: Body,
    /// Read with the head.
    pub ahead: Bytes,
    /// Whether the connection can carry another request afterwards.
    pub is_reusable: bool,
}

/// Why there was no response.
#[derive(Debug)]
pub struct Failure {
    pub error: io::Error,
    /// The server has said something: it is not gone.
    pub is_answered: bool,
}

/// The same call on whichever it is.
macro_rules! either {
    ($link:expr, $socket:ident => $call:expr) => {
        match $link {
            Link::Tcp($socket) => $call,
            Link::Unix($socket) => $call,
        }
    };
}

/// A request's head. Its lines hold no framing.
pub fn head(parts: &request::Parts, upload: &Upload) -> Bytes {
    const ROOM: usize = 1024;
    let mut out = Vec::with_capacity(ROOM);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(parts.uri.path().as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    append(&mut out, &parts.headers, |_| true);
    match upload.size_hint().exact() {
        None => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Some(0) if parts.method == http::Method::GET => {}
        Some(length) => {
            out.extend_from_slice(b"content-length: ");
            decimal(&mut out, length);
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(b"\r\n");
    out.into()
}

impl Link {
    pub async fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(authority) => {
                let stream = TcpStream::connect(authority).await?;
                let _ = stream.set_nodelay(true);
                if stream.peer_addr()?.ip().is_loopback() {
                    // Where the system's choice paces (BBR does), it sets a timer for nearly every packet, and there is
                    // nothing to pace inside a pod. This one is always allowed.
                    let _ = sockopt::set_tcp_congestion(&stream, "reno");
                }
                Ok(Self::Tcp(stream))
            }
            Address::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await?)),
        }
    }

    /// Whether the server has neither spoken unasked nor closed. It costs a look at the kernel only where there is news.
    pub fn is_quiet(&self) -> bool {
        let read = either!(self, socket => socket.read_some(&mut [0; 1]));
        read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads into the thread's room; nothing is the end.
    pub fn poll_read(&self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        scratch::lend(READ_BYTES, |room| {
            let taken = ready!(either!(self, socket => socket.poll_take(cx, room)))?;
            Poll::Ready(Ok(Bytes::copy_from_slice(&room[..taken])))
        })
    }

    /// Sends a request and waits for the head of its response, which may come before the body has gone.
    pub async fn exchange(&self, head: Bytes, upload: &mut Upload) -> Result<Response<Answer>, Failure> {
        let mut writing = pin!(self.write(head, upload));
        let mut written = None;
        let mut partial = BytesMut::new();
        let head = poll_fn(|cx| {
            if written.is_none()
                && let Poll::Ready(result) = writing.as_mut().poll(cx)
            {
                match result {
                    Err(Unsent::NoBody) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                    // A server that refuses may close before it has read: its answer is what counts.
                    Err(Unsent::Io) => written = Some(false),
                    Ok(()) => written = Some(true),
                }
            }
            self.poll_head(cx, &mut partial)
        });
        match head.await {
            Ok((head, ahead)) => {
                let body = response::body(head.status(), head.headers());
                let body = body.map_err(|error| Failure { error, is_answered: true })?;
                let is_reusable = written == Some(true) && body != Body::UntilClose && response::keeps(&head);
                Ok(head.map(|()| Answer { body, ahead, is_reusable }))
            }
            Err(error) => {
                let is_answered = !partial.is_empty() || error.kind() == io::ErrorKind::InvalidData;
                Err(Failure { error, is_answered })
            }
        }
    }

    fn poll_head(
        &self,
        cx: &mut Context<'_>,
        partial: &mut BytesMut,
    ) -> Poll<io::Result<(Response<()>, Bytes)>> {
        loop {
            let mut bytes = std::mem::take(partial).freeze();
            while let Some((head, length)) = response::read(&bytes)? {
                bytes.advance(length);
                match head.status() {
                    StatusCode::SWITCHING_PROTOCOLS => {
                        return Poll::Ready(Err(response::bad("another protocol, unasked")));
                    }
                    // What comes before the answer is of no interest to a device.
                    status if status.is_informational() => {}
                    _ => return Poll::Ready(Ok((head, bytes))),
                }
            }
            if bytes.len() > HEAD_BYTES_MAX {
                return Poll::Ready(Err(response::bad("a head over 64 KiB")));
            }
            *partial = BytesMut::from(bytes);
            let more = ready!(self.poll_read(cx))?;
            if more.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            if partial.is_empty() {
                *partial = BytesMut::from(more);
            } else {
                partial.extend_from_slice(&more);
            }
        }
    }

    /// Sends head and body. The head waits for what is at hand of the body and goes with it: two packets would wake the
    /// server twice.
    async fn write(&self, mut head: Bytes, upload: &mut Upload) -> Result<(), Unsent> {
        let is_chunked = upload.size_hint().exact().is_none();
        loop {
            let at_once = poll_fn(|cx| Poll::Ready(upload.poll_piece(cx))).await;
            let piece = match at_once {
                Poll::Ready(piece) => piece,
                Poll::Pending => {
                    self.write_all(std::mem::take(&mut head)).await?;
                    poll_fn(|cx| upload.poll_piece(cx)).await
                }
            };
            match piece {
                None => break,
                Some(Err(_)) => return Err(Unsent::NoBody),
                Some(Ok(Piece::Bytes(data))) if is_chunked => {
                    let size = Bytes::from(format!("{:x}\r\n", data.len()));
                    let start = std::mem::take(&mut head).chain(size);
                    self.write_all(start.chain(data).chain(&b"\r\n"[..])).await?;
                }
                Some(Ok(Piece::Bytes(data))) if upload.has_piped() => {
                    self.write_before(std::mem::take(&mut head)).await?;
                    self.write_before(data).await?;
                }
                Some(Ok(Piece::Bytes(data))) => self.write_all(std::mem::take(&mut head).chain(data)).await?,
                Some(Ok(Piece::Piped(mut piped))) => {
                    self.write_before(std::mem::take(&mut head)).await?;
                    self.move_all(&mut piped.pipe).await?;
                }
            }
        }
        let end: &[u8] = if is_chunked { b"0\r\n\r\n" } else { b"" };
        Ok(self.write_all(head.chain(end)).await?)
    }

    async fn write_all(&self, mut bytes: impl Buf) -> io::Result<()> {
        while bytes.has_remaining() {
            let mut slices = [IoSlice::new(&[]); 4];
            let count = bytes.chunks_vectored(&mut slices);
            let give = |cx: &mut Context<'_>| either!(self, socket => socket.poll_give(cx, &slices[..count]));
            match poll_fn(give).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => bytes.advance(written),
            }
        }
        Ok(())
    }

    /// Writes what a pipe's bytes follow.
    async fn write_before(&self, mut bytes: Bytes) -> io::Result<()> {
        while bytes.has_remaining() {
            let give = |cx: &mut Context<'_>| either!(self, socket => socket.poll_give_before(cx, &bytes));
            let written = poll_fn(give).await?;
            bytes.advance(written);
        }
        Ok(())
    }

    async fn move_all(&self, pipe: &mut Pipe) -> io::Result<()> {
        while pipe.bytes() > 0 {
            let bytes = usize::try_from(pipe.bytes()).unwrap_or(usize::MAX);
            let give = |cx: &mut Context<'_>| either!(self, socket => socket.poll_give_from(cx, pipe.reader(), bytes));
            match poll_fn(give).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                moved => pipe.drained(moved),
            }
        }
        Ok(())
    }
}

/// Why a request was not sent.
enum Unsent {
    /// The device's body did not come.
    NoBody,
    Io,
}

impl From<io::Error> for Unsent {
    fn from(_: io::Error) -> Self {
        Self::Io
    }
}
