//! The part of a body that has not arrived. In: the body as it comes. Out: pieces, read or moved, or what is wrong with it:
//! too long, too slow, broken, gone.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::body::Body;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep_until},
};

use super::{Fault, FaultCell, MOVED_BYTES_MIN, Piece, Piped, Room};
use crate::proxy::{http1::wire::Moved, incoming::Incoming, pipe::Pipe};

/// What has not arrived.
#[derive(Debug)]
pub struct Rest {
    pub(super) body: Incoming,
    pub(super) seen: u64,
    pub(super) bytes_max: u64,
    /// What the body itself says of its length.
    pub(super) length: Option<u64>,
    pub(super) progress: Progress,
    pub(super) speed: Speed,
    pub(super) fault: FaultCell,
    pub(super) room: Arc<Room>,
    /// For what is moved next.
    pub(super) pipe: Option<Pipe>,
    pub(super) _place: OwnedSemaphorePermit,
}

/// Bytes over a window of time.
#[derive(Debug)]
pub struct Progress {
    pub(super) window: Duration,
    pub(super) bytes_min: u64,
    pub(super) bytes: u64,
    pub(super) timer: Option<Pin<Box<Sleep>>>,
}

/// What came after the first piece, which may have waited in the kernel: it starts the clock.
#[derive(Debug, Default)]
pub struct Speed {
    pub(super) since: Option<Instant>,
    pub(super) bytes: u64,
}

impl Rest {
    pub(super) fn bytes_left(&self) -> Option<u64> {
        self.body.size_hint().exact().or_else(|| self.length?.checked_sub(self.seen))
    }

    /// Whether it is as long as it was said to be.
    pub(super) fn is_whole(&self) -> bool {
        self.length.is_none_or(|length| self.seen == length)
    }

    /// Whether what is to come is worth a pipe. A length that a message gives is counted by reading.
    pub(super) fn should_move(&self) -> bool {
        self.length.is_none()
            && self.body.can_move()
            && self.bytes_left().is_some_and(|left| left >= MOVED_BYTES_MIN)
    }

    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, Fault>> {
        if self.pipe.is_some() || self.should_move() {
            let pipe = self.pipe.take().or_else(|| self.room.pipes.take());
            if let Some(mut pipe) = pipe {
                return match self.poll_move(cx, &pipe, usize::MAX) {
                    Poll::Ready(Ok(Moved::Bytes(bytes))) => {
                        pipe.filled(bytes);
                        Poll::Ready(Ok(Some(Piece::Piped(Piped { pipe, memory: None }))))
                    }
                    // No pipe is that small: nothing is in this one.
                    Poll::Ready(Ok(Moved::Full)) => Poll::Ready(Err(Fault::Left)),
                    Poll::Ready(Err(fault)) => Poll::Ready(Err(fault)),
                    Poll::Pending => {
                        self.pipe = Some(pipe);
                        Poll::Pending
                    }
                };
            }
        }
        self.poll(cx).map(|data| data.transpose().map(|data| data.map(Piece::Bytes)))
    }

    pub(super) fn poll_move(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        bytes_max: usize,
    ) -> Poll<Result<Moved, Fault>> {
        let Poll::Ready(moved) = self.body.poll_move(cx, pipe, bytes_max) else {
            return self.progress.poll(cx).map(|()| Err(Fault::TooSlow));
        };
        if let Ok(Moved::Bytes(bytes)) = moved {
            self.seen += bytes as u64;
            self.progress.bytes += bytes as u64;
            if self.seen > self.bytes_max {
                return Poll::Ready(Err(Fault::TooLong));
            }
        }
        Poll::Ready(moved)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                return self.progress.poll(cx).map(|()| Some(Err(Fault::TooSlow)));
            };
            let data = match frame {
                None if !self.is_whole() => return Poll::Ready(Some(Err(Fault::Broken))),
                None => return Poll::Ready(None),
                Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                // Trailers end here.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => data,
                    _ => continue,
                },
            };
            self.seen += data.len() as u64;
            self.progress.bytes += data.len() as u64;
            return Poll::Ready(Some(if self.seen > self.bytes_max {
                Err(Fault::TooLong)
            } else if self.length.is_some_and(|length| self.seen > length) {
                Err(Fault::Broken)
            } else {
                Ok(data)
            }));
        }
    }
}

impl Speed {
    pub(super) fn record(&mut self, now: Instant, bytes: u64) {
        match self.since {
            Some(_) => self.bytes += bytes,
            None => self.since = Some(now),
        }
    }
}

impl Progress {
    /// Ready when a window went by without enough bytes.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let window = self.window;
            let timer =
                self.timer.get_or_insert_with(|| Box::pin(sleep_until((Instant::now() + window).into())));
            ready!(timer.as_mut().poll(cx));
            if self.bytes < self.bytes_min {
                return Poll::Ready(());
            }
            self.bytes = 0;
            timer.as_mut().reset((Instant::now() + window).into());
        }
    }
}
