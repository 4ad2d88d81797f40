//! The body of a request on its way in. In: the body as it arrives. Out: a body for the model server, its beginning or the
//! whole of it already at hand. It never holds more than its share of what is counted, here or in the kernel, and never
//! reads what it holds.

mod rest;

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::rest::{Progress, Rest, Speed};
use admission::admit::Arrival;

use crate::proxy::{
    http1::wire::Moved,
    incoming::Incoming,
    pipe::{Pipe, Pipes},
};

/// Most of one body that waits here for a slot; a longer one waits in the client.
pub const HELD_BYTES_MAX: u64 = 1 << 20;
/// From here on a pipe costs less than to read.
const MOVED_BYTES_MIN: u64 = 48 << 10;

/// Where bodies wait.
#[derive(Debug)]
pub struct Room {
    /// One permit for each byte.
    pub memory: Arc<Semaphore>,
    pub pipes: Arc<Pipes>,
}

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
    /// What comes behind that, and waits in the kernel.
    piped: Option<Piped>,
    rest: Option<Rest>,
}

/// A part of a body.
pub enum Piece {
    Bytes(Bytes),
    Piped(Piped),
}

/// Bytes in a pipe, which count as long as they are there.
#[derive(Debug)]
pub struct Piped {
    pub pipe: Pipe,
    memory: Option<OwnedSemaphorePermit>,
}

/// A piece that counts as long as it, or a copy of it, is held.
struct Counted {
    data: Bytes,
    _memory: OwnedSemaphorePermit,
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
        Self { held, held_bytes, ..Self::default() }
    }

    /// A body that arrives; `place` is given back when it has.
    pub fn arriving(body: Incoming, bounds: Bounds, room: Arc<Room>, place: OwnedSemaphorePermit) -> Self {
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
            room,
            pipe: None,
            _place: place,
        };
        tracing::debug!("upload began");
        Self { rest: Some(rest), ..Self::default() }
    }

    /// Whether all of it is at hand.
    pub fn is_at_hand(&self) -> bool {
        self.rest.is_none()
    }

    /// Whether bytes in a pipe come behind those that are held.
    pub fn has_piped(&self) -> bool {
        self.piped.is_some()
    }

    /// The same body once more, where all of it is at hand.
    pub fn copy(&self) -> Option<Self> {
        (self.is_at_hand() && self.piped.is_none()).then(|| Self {
            held: self.held.clone(),
            held_bytes: self.held_bytes,
            ..Self::default()
        })
    }

    /// How the rest comes in; `None` where its length is unknown or its speed not measured.
    pub fn arrival(&self, now: Instant) -> Option<Arrival> {
        let rest = self.rest.as_ref()?;
        let bytes_left = rest.bytes_left()?;
        let over = now.saturating_duration_since(rest.speed.since?);
        (rest.speed.bytes > 0).then_some(Arrival { over, bytes: rest.speed.bytes, bytes_left })
    }

    /// The first bytes, as many as asked for unless the body is shorter.
    pub async fn start(&mut self, bytes: usize) -> Result<Vec<u8>, Fault> {
        while self.held_bytes < bytes as u64 && self.read().await? {}
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

    /// Takes one piece in; `false` when the body is at hand, its share of room is full, or no room is left.
    pub async fn gather(&mut self) -> Result<bool, Fault> {
        /// At most so much comes at once where it is read.
        const READ_BYTES: usize = 64 << 10;
        let Some(rest) = &self.rest else { return Ok(false) };
        let held = self.held_bytes + self.piped.as_ref().map_or(0, |piped| piped.pipe.bytes());
        if held >= HELD_BYTES_MAX || rest.room.memory.available_permits() < READ_BYTES {
            return Ok(false);
        }
        if self.piped.is_some() || rest.should_move() { self.fill_pipe().await } else { self.read().await }
    }

    /// `false` when the body is at hand.
    async fn read(&mut self) -> Result<bool, Fault> {
        let Some(rest) = &mut self.rest else { return Ok(false) };
        match poll_fn(|cx| rest.poll(cx)).await {
            Some(Ok(data)) => {
                rest.speed.record(Instant::now(), data.len() as u64);
                let data = counted(data, &rest.room);
                self.held_bytes += data.len() as u64;
                self.held.push_back(data);
                self.rest.take_if(|rest| rest.body.is_end_stream() && rest.is_whole());
            }
            Some(Err(fault)) => return Err(fault),
            None => self.rest = None,
        }
        Ok(true)
    }

    /// `false` when the body is at hand or the pipe is full.
    async fn fill_pipe(&mut self) -> Result<bool, Fault> {
        let Some(rest) = &mut self.rest else { return Ok(false) };
        let Some(piped) = self.piped.take().or_else(|| Piped::empty(&rest.room)) else {
            return self.read().await;
        };
        let piped = self.piped.insert(piped);
        let room = rest.room.memory.available_permits();
        match poll_fn(|cx| rest.poll_move(cx, &piped.pipe, room.min(HELD_BYTES_MAX as usize))).await? {
            Moved::Full => return Ok(false),
            Moved::Bytes(bytes) => {
                rest.speed.record(Instant::now(), bytes as u64);
                piped.filled(bytes, &rest.room);
            }
        }
        self.rest.take_if(|rest| rest.body.is_end_stream() && rest.is_whole());
        Ok(true)
    }

    /// The next piece, for who can take bytes out of a pipe.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Fault>>> {
        if let Some(data) = self.held.pop_front() {
            self.held_bytes -= data.len() as u64;
            return Poll::Ready(Some(Ok(Piece::Bytes(data))));
        }
        if let Some(piped) = self.piped.take() {
            return Poll::Ready(Some(Ok(Piece::Piped(piped))));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let piece = match ready!(rest.poll_piece(cx)) {
            Ok(piece) => piece,
            Err(fault) => {
                *rest.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
                return Poll::Ready(Some(Err(fault)));
            }
        };
        self.rest.take_if(|rest| piece.is_none() || (rest.body.is_end_stream() && rest.is_whole()));
        Poll::Ready(piece.map(Ok))
    }
}

/// Counts what is held as long as it, or a copy of it, is held. Room can have run out since it was looked at by one piece
/// per upload, and their number has a limit.
fn counted(data: Bytes, room: &Room) -> Bytes {
    match permit(data.len(), room) {
        Some(memory) => Bytes::from_owner(Counted { data, _memory: memory }),
        None => data,
    }
}

fn permit(bytes: usize, room: &Room) -> Option<OwnedSemaphorePermit> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    Arc::clone(&room.memory).try_acquire_many_owned(bytes).ok()
}

impl Piped {
    fn empty(room: &Room) -> Option<Self> {
        Some(Self { pipe: room.pipes.take()?, memory: None })
    }

    fn filled(&mut self, bytes: usize, room: &Room) {
        self.pipe.filled(bytes);
        match (&mut self.memory, permit(bytes, room)) {
            (Some(memory), Some(more)) => memory.merge(more),
            (memory, more) => *memory = memory.take().or(more),
        }
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let piece = ready!(self.poll_piece(cx));
        Poll::Ready(piece.map(|piece| match piece? {
            Piece::Bytes(data) => Ok(Frame::data(data)),
            // Only a body of HTTP/1 is moved, and that goes to the model server's HTTP.
            Piece::Piped(_) => Err(Fault::Broken),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.piped.is_none() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held_bytes + self.piped.as_ref().map_or(0, |piped| piped.pipe.bytes());
        match &self.rest {
            None => SizeHint::with_exact(held),
            Some(rest) => match rest.bytes_left() {
                Some(left) => SizeHint::with_exact(held + left),
                None => SizeHint::default(),
            },
        }
    }
}
