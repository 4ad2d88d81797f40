//! A connection as hyper sees it: the sniffed bytes first, every byte of HTTP/1 past the scanner.
//! It holds no data but the sniffed bytes; a fault stays here for the supervisor to answer.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{head::Fault, pace::Pace, scan::Scanner, transport::Transport};

/// A pace that the stream, the requests and the supervisor share.
pub type SharedPace = Arc<Mutex<Pace>>;

/// Runs `f` on the shared pace.
pub fn with<T>(pace: &SharedPace, f: impl FnOnce(&mut Pace) -> T) -> T {
    f(&mut pace.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A watched connection.
pub struct Watched {
    stream: Transport,
    sniffed: Vec<u8>,
    scanner: Option<Scanner>,
    pace: SharedPace,
    fault: Option<Fault>,
}

impl Watched {
    pub fn new(stream: Transport, sniffed: Vec<u8>, scanner: Option<Scanner>, pace: SharedPace) -> Self {
        Self { stream, sniffed, scanner, pace, fault: None }
    }

    /// The connection and what was wrong with it.
    pub fn into_parts(self) -> (Transport, Option<Fault>) {
        (self.stream, self.fault)
    }

    fn note_received(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut in_head = false;
        if let Some(scanner) = &mut self.scanner {
            if let Err(fault) = scanner.scan(bytes) {
                // Inside a request the error reaches its handler, which answers.
                let is_answering = with(&self.pace, |pace| pace.is_answering());
                self.fault = (!is_answering).then_some(fault);
                return Err(io::Error::new(io::ErrorKind::InvalidData, fault.reason()));
            }
            in_head = scanner.in_head();
        }
        with(&self.pace, |pace| pace.received(Instant::now(), in_head));
        Ok(())
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        let before = buf.filled().len();
        if me.sniffed.is_empty() {
            ready!(Pin::new(&mut me.stream).poll_read(cx, buf))?;
        } else {
            let taken = me.sniffed.len().min(buf.remaining());
            buf.put_slice(&me.sniffed[..taken]);
            me.sniffed.drain(..taken);
        }
        let outcome = me.note_received(&buf.filled()[before..]);
        if outcome.is_err() {
            // The parser must not see the end of a head that was refused.
            buf.set_filled(before);
        }
        Poll::Ready(outcome)
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
