//! One HTTP/1 connection. In: bytes. Out: heads, and the body behind each. It keeps what was read and not used yet, which is
//! nothing while it waits for a request.

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncWrite, Interest},
    net::TcpStream,
};

use super::{
    framing::{Allow, Body, HeadEnd},
    head::{self, Fault, Head},
};
use crate::{
    listen::{
        pace::{SharedPace, with},
        transport::Transport,
    },
    proxy::{pipe::Pipe, ready_io::ReadyIo, scratch, upload},
};

/// Read at once while a head is awaited: a small body comes with it, and the rest of a long one stays outside.
const HEAD_READ_BYTES: usize = 16 << 10;
const BODY_READ_BYTES: usize = 64 << 10;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A connection that its requests and their answers share.
#[derive(Clone)]
pub struct Wire(Arc<Shared>);

struct Shared {
    /// Outside the lock, for whoever waits for the client to leave.
    tcp: Arc<TcpStream>,
    pace: SharedPace,
    bounds: Bounds,
    state: Mutex<State>,
}

/// What is asked of heads.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub headers_max: usize,
    pub header_bytes_max: usize,
}

struct State {
    transport: Transport,
    ahead: BytesMut,
    head_end: HeadEnd,
    body: Body,
    /// What is still to be said before the client sends its body.
    go_on: &'static [u8],
    is_leaving: bool,
}

/// Why there is no further request.
#[derive(Debug)]
pub enum End {
    /// Between two requests, by the client or because this side leaves.
    Clean,
    /// The connection broke, or whoever answered broke off.
    Broken,
    /// The client sent what is no request.
    Fault(Fault),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// What came of moving a body into a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    Bytes(usize),
    /// The pipe has no room.
    Full,
}

impl Wire {
    /// A connection of which some bytes were read already.
    pub fn new(transport: Transport, bytes: Vec<u8>, bounds: Bounds, pace: SharedPace) -> Self {
        let tcp = Arc::clone(transport.tcp());
        let state = State {
            transport,
            ahead: BytesMut::from(&bytes[..]),
            head_end: HeadEnd::default(),
            body: Body::NONE,
            go_on: &[],
            is_leaving: false,
        };
        Self(Arc::new(Shared { tcp, pace, bounds, state: Mutex::new(state) }))
    }

    /// The connection alone, when nobody else has it.
    pub fn into_transport(self) -> Option<Transport> {
        let shared = Arc::into_inner(self.0)?;
        Some(shared.state.into_inner().unwrap_or_else(PoisonError::into_inner).transport)
    }

    /// The request in progress is the last.
    pub fn leave(&self) {
        self.state().is_leaving = true;
    }

    pub fn is_leaving(&self) -> bool {
        self.state().is_leaving
    }

    /// Waits until the client has closed its side, whatever it left unread here.
    pub async fn left(&self) {
        // Closing is the only news that comes with this interest.
        let _ = self.0.tcp.ready(Interest::PRIORITY).await;
    }

    /// The next head.
    pub fn poll_head(&self, cx: &mut Context<'_>) -> Poll<Result<Head, End>> {
        let mut state = self.state();
        loop {
            let bounds = self.0.bounds;
            if let Some(head) = state.take_head(bounds).map_err(End::Fault)? {
                with(&self.0.pace, |pace| pace.received(Instant::now(), false));
                return Poll::Ready(Ok(head));
            }
            let in_head = !state.ahead.is_empty();
            if in_head {
                with(&self.0.pace, |pace| pace.received(Instant::now(), true));
            } else if state.is_leaving {
                return Poll::Ready(Err(End::Clean));
            }
            if ready!(state.poll_fill(cx, HEAD_READ_BYTES))? == 0 {
                return Poll::Ready(Err(if in_head { End::Broken } else { End::Clean }));
            }
        }
    }

    /// Whether the body of this request is all read.
    pub fn is_body_over(&self) -> bool {
        self.state().body.is_over()
    }

    /// How much of the body is to come, where it says so.
    pub fn body_left(&self) -> Option<u64> {
        self.state().body.left()
    }

    /// The next piece of the body; `None` behind its end.
    pub fn poll_body(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, upload::Fault>>> {
        let mut state = self.state();
        loop {
            match state.take_body() {
                Err(_) => return Poll::Ready(Some(Err(upload::Fault::Broken))),
                Ok(Some(data)) => return Poll::Ready(Some(Ok(data))),
                Ok(None) if state.body.is_over() => return Poll::Ready(None),
                Ok(None) => {}
            }
            let filled =
                ready!(state.poll_go_on(cx)).and_then(|()| match state.poll_fill(cx, BODY_READ_BYTES) {
                    Poll::Ready(filled) => filled.map(Some),
                    Poll::Pending => Ok(None),
                });
            match filled {
                Ok(None) => return Poll::Pending,
                Ok(Some(1..)) => {}
                Ok(Some(0)) | Err(_) => return Poll::Ready(Some(Err(upload::Fault::Left))),
            }
        }
    }

    /// Whether the next bytes of the body can go into a pipe: they are all there is on the wire, and none was read.
    pub fn can_move(&self) -> bool {
        let state = self.state();
        state.ahead.is_empty() && matches!(state.body, Body::Length(1..)) && state.transport.bare().is_some()
    }

    /// Moves what has come of the body into a pipe, at most so much.
    pub fn poll_move(
        &self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        bytes_max: usize,
    ) -> Poll<Result<Moved, upload::Fault>> {
        let mut state = self.state();
        let gone = |_| upload::Fault::Left;
        ready!(state.poll_go_on(cx)).map_err(gone)?;
        let left = state.body.left().unwrap_or(0);
        let bytes = usize::try_from(left).unwrap_or(usize::MAX).min(bytes_max);
        match ready!(self.0.tcp.poll_take_into(cx, pipe.writer(), bytes)).map_err(gone)? {
            None => Poll::Ready(Ok(Moved::Full)),
            Some(0) => Poll::Ready(Err(upload::Fault::Left)),
            Some(moved) => {
                state.body.take(moved);
                Poll::Ready(Ok(Moved::Bytes(moved)))
            }
        }
    }

    /// Drops what is left of the body, as far as it has been read. Whether that was all.
    pub fn discard(&self) -> bool {
        let mut state = self.state();
        while let Ok(Some(_)) = state.take_body() {}
        state.go_on = &[];
        state.body.is_over()
    }

    /// Writes a part of an answer.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &mut impl Buf) -> Poll<io::Result<()>> {
        let mut state = self.state();
        while bytes.has_remaining() {
            let mut slices = [io::IoSlice::new(&[]); 2];
            let count = bytes.chunks_vectored(&mut slices);
            let transport = Pin::new(&mut state.transport);
            match ready!(transport.poll_write_vectored(cx, &slices[..count]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => bytes.advance(written),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what TLS has kept back.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.state().transport).poll_flush(cx)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl State {
    fn take_head(&mut self, bounds: Bounds) -> Result<Option<Head>, Fault> {
        let Some(end) = self.head_end.find(&self.ahead, bounds.header_bytes_max)? else { return Ok(None) };
        let bytes = self.ahead.split_to(end).freeze();
        self.forget_nothing();
        let head = head::read(&bytes, bounds.headers_max)?;
        self.body = head.body;
        self.go_on = if head.expects { CONTINUE } else { &[] };
        Ok(Some(head))
    }

    /// Data of the body among what was read.
    fn take_body(&mut self) -> Result<Option<Bytes>, Fault> {
        self.skip_framing()?;
        let taken = self.body.take(self.ahead.len());
        if taken == 0 {
            return Ok(None);
        }
        self.go_on = &[];
        let data = self.ahead.split_to(taken).freeze();
        self.skip_framing()?;
        self.forget_nothing();
        Ok(Some(data))
    }

    fn skip_framing(&mut self) -> Result<(), Fault> {
        let skipped = self.body.skip(&self.ahead, Allow::NoTrailers)?;
        self.ahead.advance(skipped);
        Ok(())
    }

    /// Lets go of memory in which there is nothing.
    fn forget_nothing(&mut self) {
        if self.ahead.is_empty() {
            self.ahead = BytesMut::new();
        }
    }

    /// Says that the body may come, where that is awaited.
    fn poll_go_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.go_on.is_empty() {
            let written = ready!(Pin::new(&mut self.transport).poll_write(cx, self.go_on))?;
            self.go_on = &self.go_on[written..];
            ready!(Pin::new(&mut self.transport).poll_flush(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, bytes: usize) -> Poll<io::Result<usize>> {
        scratch::lend(bytes, |room| {
            let filled = ready!(self.transport.poll_fill(cx, room))?;
            self.ahead.extend_from_slice(&room[..filled]);
            Poll::Ready(Ok(filled))
        })
    }
}
