//! The body of a request as it arrives, over either version of HTTP.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{self, Body, Frame, SizeHint};

use crate::proxy::{
    http1::wire::{Moved, Wire},
    pipe::Pipe,
    upload::Fault,
};

/// A body.
#[derive(Debug)]
pub enum Incoming {
    /// Of the request in progress on a connection.
    Http1(Wire),
    Http2(body::Incoming),
}

impl Incoming {
    /// Whether its next bytes can go through a pipe.
    pub fn can_move(&self) -> bool {
        matches!(self, Self::Http1(wire) if wire.can_move())
    }

    /// Moves what has come into a pipe, at most so much.
    pub fn poll_move(
        &self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        bytes_max: usize,
    ) -> Poll<Result<Moved, Fault>> {
        match self {
            Self::Http1(wire) => wire.poll_move(cx, pipe, bytes_max),
            Self::Http2(_) => Poll::Ready(Ok(Moved::Full)),
        }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut *self {
            Self::Http1(wire) => wire.poll_body(cx).map(|data| data.map(|data| data.map(Frame::data))),
            Self::Http2(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(|error| fault_of(&error))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(wire) => wire.is_body_over(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(wire) => wire.body_left().map(SizeHint::with_exact).unwrap_or_default(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}

/// Told apart by what stands at the bottom of hyper's error: bad bytes are the client's, the rest is its absence.
fn fault_of(error: &hyper::Error) -> Fault {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let bad = matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
            return if bad { Fault::Broken } else { Fault::Left };
        }
        cause = error.source();
    }
    Fault::Left
}
