//! A connection as HTTP/2 sees it: the sniffed bytes first, and every read noted.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    pace::{SharedPace, with},
    transport::Transport,
};

/// A watched connection.
pub struct Watched {
    stream: Transport,
    sniffed: Bytes,
    pace: SharedPace,
}

impl Watched {
    pub fn new(stream: Transport, sniffed: Vec<u8>, pace: SharedPace) -> Self {
        Self { stream, sniffed: sniffed.into(), pace }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.sniffed.has_remaining() {
            let taken = self.sniffed.len().min(buf.remaining());
            buf.put_slice(&self.sniffed.split_to(taken));
        } else {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        }
        with(&self.pace, |pace| pace.received(Instant::now(), false));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
