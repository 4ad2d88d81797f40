//! The body of the model server's response. In: a connection behind a head. Out: its bytes; at their end the connection goes
//! back to the others, and one that is dropped before is closed.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};

use super::{Lease, link::Answer, response};
use crate::proxy::http1::framing::{self, Allow};

/// A body.
#[derive(Debug)]
pub struct ServerBody {
    /// Gone when it is over.
    lease: Option<Lease>,
    answer: Answer,
}

impl ServerBody {
    pub fn new(lease: Lease, answer: Answer) -> Self {
        let mut body = Self { lease: Some(lease), answer };
        // A fault in the framing is found again by the first read.
        let _ = body.settle();
        body
    }

    /// Whether all of it was read.
    pub fn is_over(&self) -> bool {
        self.lease.is_none()
    }

    /// How much is to come, where it says so.
    pub fn left(&self) -> Option<u64> {
        if self.is_over() { Some(0) } else { self.answer.body.left() }
    }

    /// The next piece; `None` behind the end.
    pub async fn piece(&mut self) -> Option<io::Result<Bytes>> {
        poll_fn(|cx| self.poll_piece(cx)).await
    }

    /// The next piece; `None` behind the end.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            self.settle()?;
            let Some(lease) = &self.lease else { return Poll::Ready(None) };
            let taken = self.answer.body.take(self.answer.ahead.len());
            if taken > 0 {
                let data = self.answer.ahead.split_to(taken);
                self.settle()?;
                return Poll::Ready(Some(Ok(data)));
            }
            let more = ready!(lease.link.poll_read(cx))?;
            if more.is_empty() {
                if self.answer.body != framing::Body::UntilClose {
                    return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                }
                self.answer.body = framing::Body::NONE;
            }
            self.answer.ahead = more;
        }
    }

    /// Reads past framing, and ends where the body does.
    fn settle(&mut self) -> io::Result<()> {
        let Answer { body, ahead, is_reusable } = &mut self.answer;
        let skipped = body.skip(ahead, Allow::Trailers).map_err(|_| response::bad("a broken chunk"))?;
        ahead.advance(skipped);
        if body.is_over()
            && let Some(lease) = self.lease.take()
            && *is_reusable
            && ahead.is_empty()
        {
            lease.give_back();
        }
        Ok(())
    }
}

impl Body for ServerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.poll_piece(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        self.left().map(SizeHint::with_exact).unwrap_or_default()
    }
}
