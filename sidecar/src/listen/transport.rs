//! The bytes of a connection, in the clear or inside TLS. In: an accepted socket. Out: a stream. What the peer takes is
//! noted at the socket, below TLS, whose buffer would otherwise pass for the peer.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use rustix::net;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::server::TlsStream;

use super::pace::{SharedPace, with};
use crate::proxy::ready_io::ReadyIo;

/// How long a peer has to take the last word.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// A connection's bytes.
pub enum Transport {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// An accepted socket that notes what goes out.
pub struct Socket {
    tcp: Arc<TcpStream>,
    pace: SharedPace,
}

impl Socket {
    pub fn new(tcp: TcpStream, pace: SharedPace) -> Self {
        Self { tcp: Arc::new(tcp), pace }
    }

    fn note(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Ready(Ok(bytes)) => with(&self.pace, |pace| pace.sent(*bytes)),
            Poll::Pending => with(&self.pace, |pace| pace.blocked(Instant::now())),
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl Transport {
    /// The socket under it.
    pub fn tcp(&self) -> &Arc<TcpStream> {
        match self {
            Self::Plain(socket) => &socket.tcp,
            Self::Tls(stream) => &stream.get_ref().0.tcp,
        }
    }

    /// The socket, where its bytes are what is sent: they can be moved without being read.
    pub fn bare(&self) -> Option<&TcpStream> {
        if let Self::Plain(socket) = self { Some(&socket.tcp) } else { None }
    }

    /// Reads into a part of memory.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => socket.tcp.poll_take(cx, buf),
            Self::Tls(stream) => {
                let mut buf = ReadBuf::new(buf);
                Pin::new(stream).poll_read(cx, &mut buf).map_ok(|()| buf.filled().len())
            }
        }
    }

    /// Ends the stream with TLS's own word for it: without that a peer cannot tell an end from a cut.
    pub async fn close(&mut self) {
        if let Self::Tls(stream) = self {
            let _ = timeout(CLOSE_MAX, stream.shutdown()).await;
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_take(cx, buf.initialize_unfilled()).map_ok(|taken| buf.advance(taken))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = self.tcp.poll_give(cx, &[io::IoSlice::new(buf)]);
        self.note(&result);
        result
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = self.tcp.poll_give(cx, bufs);
        self.note(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(net::shutdown(&*self.tcp, net::Shutdown::Write)?))
    }
}

/// The same call on whichever it is.
macro_rules! either {
    ($transport:expr, $stream:ident => $call:expr) => {
        match &mut *$transport {
            Transport::Plain($stream) => $call,
            Transport::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
