//! A connection as hyper sees it: the sniffed bytes first, every byte of HTTP/1 past the scanner, and no head before its
//! end: hyper would refuse a part of one by rules and in words of its own. It holds no data but such a head; a fault stays
//! here for the supervisor to answer.

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
    /// The beginning of a head.
    held: Vec<u8>,
    /// What was held and may go on.
    released: Vec<u8>,
    pace: SharedPace,
    fault: Option<Fault>,
}

impl Watched {
    pub fn new(stream: Transport, sniffed: Vec<u8>, scanner: Option<Scanner>, pace: SharedPace) -> Self {
        Self { stream, sniffed, scanner, held: Vec::new(), released: Vec::new(), pace, fault: None }
    }

    /// The connection and what was wrong with it.
    pub fn into_parts(self) -> (Transport, Option<Fault>) {
        (self.stream, self.fault)
    }

    /// Keeps the beginning of a head out of what was read, and lets go of it when its end is there.
    fn hold_back(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        let unfinished = self.scanner.as_ref().map_or(0, Scanner::unfinished);
        if unfinished == 0 && self.held.is_empty() {
            return;
        }
        self.held.extend(&buf.filled()[before..]);
        buf.set_filled(before);
        let rest = self.held.split_off(self.held.len() - unfinished);
        self.released = std::mem::replace(&mut self.held, rest);
        hand_over(&mut self.released, buf);
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
        loop {
            if hand_over(&mut me.released, buf) {
                return Poll::Ready(Ok(()));
            }
            if !hand_over(&mut me.sniffed, buf) {
                ready!(Pin::new(&mut me.stream).poll_read(cx, buf))?;
                if buf.filled().len() == before {
                    return Poll::Ready(Ok(()));
                }
            }
            if let Err(error) = me.note_received(&buf.filled()[before..]) {
                // The parser must not see what was refused.
                buf.set_filled(before);
                return Poll::Ready(Err(error));
            }
            me.hold_back(buf, before);
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// Moves what there is room for.
fn hand_over(from: &mut Vec<u8>, buf: &mut ReadBuf<'_>) -> bool {
    let taken = from.len().min(buf.remaining());
    buf.put_slice(&from[..taken]);
    from.drain(..taken);
    if from.is_empty() {
        // An idle connection keeps none.
        *from = Vec::new();
    }
    taken > 0
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
