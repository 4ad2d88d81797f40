//! The body of a request on its way in. In: hyper's incoming body. Out: a body for the model server, its beginning or the
//! whole of it already at hand. It never holds more than its share of the counted buffer, and never reads what it holds.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep_until},
};

use crate::admit::Arrival;

/// Most of one body that waits in memory for a slot; a longer one waits in the client.
pub const HELD_BYTES_MAX: u64 = 1 << 20;

/// Why a body did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("longer than the limit")]
    TooLong,
    #[error("slower than the limit")]
    TooSlow,
    #[error("broken framing")]
    Broken,
    #[error("the client left")]
    Left,
}

/// Where a fault stays when it happens inside the client connection to the model server.
pub type FaultCell = Arc<Mutex<Option<Fault>>>;

/// A request body.
#[derive(Debug, Default)]
pub struct Upload {
    held: VecDeque<Bytes>,
    held_bytes: u64,
    rest: Option<Rest>,
}

/// A piece that counts as long as it, or a copy of it, is held.
struct Counted {
    data: Bytes,
    _memory: OwnedSemaphorePermit,
}

/// What has not arrived.
#[derive(Debug)]
struct Rest {
    body: Incoming,
    seen: u64,
    bytes_max: u64,
    /// What the body itself says of its length.
    length: Option<u64>,
    progress: Progress,
    speed: Speed,
    fault: FaultCell,
    _place: OwnedSemaphorePermit,
}

/// Bytes over a window of time.
#[derive(Debug)]
struct Progress {
    window: Duration,
    bytes_min: u64,
    bytes: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What came after the first piece, which may have waited in the kernel: it starts the clock.
#[derive(Debug, Default)]
struct Speed {
    since: Option<Instant>,
    bytes: u64,
}

/// The bounds on one body.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub bytes_max: u64,
    pub window: Duration,
    pub window_bytes_min: u64,
}

impl Upload {
    /// A body of our own making.
    pub fn of(parts: impl IntoIterator<Item = Bytes>) -> Self {
        let held: VecDeque<Bytes> = parts.into_iter().collect();
        let held_bytes = held.iter().map(|part| part.len() as u64).sum();
        Self { held, held_bytes, rest: None }
    }

    /// A body that arrives; `place` is given back when it has.
    pub fn arriving(body: Incoming, bounds: Bounds, place: OwnedSemaphorePermit) -> Self {
        let progress =
            Progress { window: bounds.window, bytes_min: bounds.window_bytes_min, bytes: 0, timer: None };
        let rest = Rest {
            body,
            seen: 0,
            bytes_max: bounds.bytes_max,
            length: None,
            progress,
            speed: Speed::default(),
            fault: FaultCell::default(),
            _place: place,
        };
        tracing::debug!("upload began");
        Self { rest: Some(rest), ..Self::default() }
    }

    /// Whether all of it is at hand.
    pub fn is_at_hand(&self) -> bool {
        self.rest.is_none()
    }

    /// The same body once more, where all of it is at hand.
    pub fn copy(&self) -> Option<Self> {
        self.is_at_hand().then(|| Self { held: self.held.clone(), held_bytes: self.held_bytes, rest: None })
    }

    /// How the rest comes in; `None` where its length is unknown or its speed not measured.
    pub fn arrival(&self, now: Instant) -> Option<Arrival> {
        let rest = self.rest.as_ref()?;
        let bytes_left = rest.bytes_left()?;
        let over = now.saturating_duration_since(rest.speed.since?);
        (rest.speed.bytes > 0).then_some(Arrival { over, bytes: rest.speed.bytes, bytes_left })
    }

    /// The first bytes, as many as asked for unless the body is shorter.
    pub async fn start(&mut self, bytes: usize, memory: &Arc<Semaphore>) -> Result<Vec<u8>, Fault> {
        while self.held_bytes < bytes as u64 && self.read(memory).await? {}
        Ok(self.held.iter().flatten().copied().take(bytes).collect())
    }

    /// Binds the body to a length; another one is a fault.
    pub fn expect(&mut self, length: u64) -> Result<(), Fault> {
        match &mut self.rest {
            Some(rest) if rest.seen <= length => rest.length = Some(length),
            None if self.held_bytes == length => {}
            _ => return Err(Fault::Broken),
        }
        Ok(())
    }

    /// Where a later fault will be found.
    pub fn fault_cell(&self) -> FaultCell {
        self.rest.as_ref().map(|rest| Arc::clone(&rest.fault)).unwrap_or_default()
    }

    /// Reads one piece; `false` when the body is at hand, its share of memory is full, or no memory is left.
    pub async fn gather(&mut self, memory: &Arc<Semaphore>) -> Result<bool, Fault> {
        /// hyper hands over at most its buffer at once.
        const ROOM: usize = 32 << 10;
        if self.held_bytes >= HELD_BYTES_MAX || memory.available_permits() < ROOM {
            return Ok(false);
        }
        self.read(memory).await
    }

    /// `false` when the body is at hand.
    async fn read(&mut self, memory: &Arc<Semaphore>) -> Result<bool, Fault> {
        let Some(rest) = &mut self.rest else { return Ok(false) };
        match poll_fn(|cx| rest.poll(cx)).await {
            Some(Ok(data)) => {
                rest.speed.record(Instant::now(), data.len() as u64);
                self.hold(data, memory);
            }
            Some(Err(fault)) => return Err(fault),
            None => self.rest = None,
        }
        Ok(true)
    }

    fn hold(&mut self, data: Bytes, memory: &Arc<Semaphore>) {
        let bytes = u32::try_from(data.len()).unwrap_or(u32::MAX);
        self.held_bytes += u64::from(bytes);
        // Memory can have run out since it was looked at by one buffer per upload, and their number has a limit.
        self.held.push_back(match Arc::clone(memory).try_acquire_many_owned(bytes) {
            Ok(memory) => Bytes::from_owner(Counted { data, _memory: memory }),
            Err(_) => data,
        });
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Rest {
    fn bytes_left(&self) -> Option<u64> {
        self.body.size_hint().exact().or_else(|| self.length?.checked_sub(self.seen))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                return self.progress.poll(cx).map(|()| Some(Err(Fault::TooSlow)));
            };
            let data = match frame {
                None if self.length.is_some_and(|length| self.seen != length) => {
                    return Poll::Ready(Some(Err(Fault::Broken)));
                }
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(fault_of(&error)))),
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
    fn record(&mut self, now: Instant, bytes: u64) {
        match self.since {
            Some(_) => self.bytes += bytes,
            None => self.since = Some(now),
        }
    }
}

impl Progress {
    /// Ready when a window went by without enough bytes.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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

impl Body for Upload {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let me = &mut *self;
        if let Some(data) = me.held.pop_front() {
            me.held_bytes -= data.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let Some(rest) = &mut me.rest else { return Poll::Ready(None) };
        let polled = ready!(rest.poll(cx));
        match polled {
            Some(Ok(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Err(fault)) => {
                *rest.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
                Poll::Ready(Some(Err(fault)))
            }
            None => {
                me.rest = None;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            None => SizeHint::with_exact(self.held_bytes),
            Some(rest) => match rest.bytes_left() {
                Some(left) => SizeHint::with_exact(self.held_bytes + left),
                None => SizeHint::default(),
            },
        }
    }
}
