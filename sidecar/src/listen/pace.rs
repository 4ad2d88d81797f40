//! Whether a connection is too slow: pure, fed by the stream and the requests on it, asked by its supervisor.
//! In: what happened and when. Out: a verdict and when to ask again. It never reads a clock.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::proxy::http1::head::Fault;

/// The bounds, from the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From the first byte of a head to its end.
    pub head_max: Duration,
    /// Without a request in progress.
    pub idle_max: Duration,
    /// Over which the progress of what is sent is averaged.
    pub window: Duration,
    /// Fewest bytes in a window in which the peer was slower than we are.
    pub window_bytes_min: u64,
}

/// What a connection has been doing.
#[derive(Debug)]
pub struct Pace {
    bounds: Bounds,
    requests: u32,
    /// Parts of answers that the peer has no room for.
    handed: u32,
    idle_since: Instant,
    head_since: Option<Instant>,
    sending: Option<Sending>,
    unread: bool,
    /// A request of this connection was let in.
    known: bool,
}

#[derive(Debug)]
struct Sending {
    since: Instant,
    bytes: u64,
    blocked: bool,
}

/// A pace that the socket, the requests and the supervisor share.
pub type SharedPace = Arc<Mutex<Pace>>;

/// Runs `f` on the shared pace.
pub fn with<T>(pace: &SharedPace, f: impl FnOnce(&mut Pace) -> T) -> T {
    f(&mut pace.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What closing a connection would cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A request in progress.
    Busy,
    /// A request whose peer has taken nothing of its answer, since then or a window later.
    Stuck(Instant),
    /// A connection that a device keeps, without a request since then.
    Idle(Instant),
    /// One that has not had a request let in, since then.
    Stranger(Instant),
}

/// What the supervisor should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ask again then.
    Fine(Instant),
    /// Close: nothing has been asked for a while.
    Idle,
    /// Close: the peer does not take what it asked for.
    Stalled,
    /// Answer with the fault and close.
    Fault(Fault),
}

impl Pace {
    pub fn new(now: Instant, bounds: Bounds) -> Self {
        Self {
            bounds,
            requests: 0,
            handed: 0,
            idle_since: now,
            head_since: None,
            sending: None,
            unread: false,
            known: false,
        }
    }

    /// The connection has begun to speak.
    pub fn opened(&mut self, now: Instant) {
        self.idle_since = now;
    }

    /// Bytes arrived; `in_head` says whether they leave a head unfinished.
    pub fn received(&mut self, now: Instant, in_head: bool) {
        self.head_since = in_head.then(|| self.head_since.unwrap_or(now));
    }

    /// The peer took bytes.
    pub fn sent(&mut self, bytes: usize) {
        if let Some(sending) = &mut self.sending {
            sending.bytes += bytes as u64;
            sending.blocked = false;
        }
    }

    /// The peer takes no more for the moment.
    pub fn blocked(&mut self, now: Instant) {
        let sending = self.sending.get_or_insert(Sending { since: now, bytes: 0, blocked: true });
        sending.blocked = true;
    }

    /// A part of an answer was handed over. HTTP/2 keeps it back while the peer gives no window, and then the socket is
    /// never blocked.
    pub fn handed(&mut self, now: Instant) {
        self.handed += 1;
        if self.handed == 1 && !self.sending.as_ref().is_some_and(|sending| sending.blocked) {
            self.sending = Some(Sending { since: now, bytes: 0, blocked: false });
        }
    }

    /// That part is on its way, or gone with its answer.
    pub fn taken(&mut self) {
        self.handed = self.handed.saturating_sub(1);
    }

    /// A request began.
    pub fn begun(&mut self) {
        self.requests += 1;
    }

    /// A request ended, its answer handed over.
    pub fn ended(&mut self, now: Instant) {
        self.requests = self.requests.saturating_sub(1);
        self.idle_since = now;
        // A head that was waiting behind this request starts its time here.
        self.head_since = self.head_since.map(|_| now);
    }

    /// A request was let in: the peer is more than an open socket.
    pub fn let_in(&mut self) {
        self.known = true;
    }

    /// What closing the connection would cost.
    pub fn standing(&self) -> Standing {
        let waits = |sending: &&Sending| sending.blocked || self.handed > 0;
        let stuck = self.sending.as_ref().filter(waits).filter(|sending| sending.bytes == 0);
        match (self.requests, stuck) {
            (0, _) if self.known => Standing::Idle(self.idle_since),
            (0, _) => Standing::Stranger(self.idle_since),
            (_, Some(sending)) => Standing::Stuck(sending.since),
            (_, None) => Standing::Busy,
        }
    }

    /// A request was refused while its body was on its way.
    pub fn left_unread(&mut self) {
        self.unread = true;
    }

    /// Whether closing must linger, so that the unread rest does not reset the answer away.
    pub fn must_linger(&self) -> bool {
        self.unread
    }

    /// Whether an answer of our own would land inside another one.
    pub fn is_answering(&self) -> bool {
        self.requests > 0 || self.sending.as_ref().is_some_and(|sending| sending.blocked)
    }

    /// The verdict at `now`.
    pub fn verdict(&mut self, now: Instant) -> Verdict {
        let bounds = self.bounds;
        let mut ask_again = now + bounds.window;
        if let Some(sending) = &self.sending {
            let waits = sending.blocked || self.handed > 0;
            if now < sending.since + bounds.window {
                ask_again = sending.since + bounds.window;
            } else if waits && sending.bytes < bounds.window_bytes_min {
                return Verdict::Stalled;
            } else {
                self.sending = waits.then_some(Sending { since: now, bytes: 0, blocked: sending.blocked });
            }
        }
        if self.requests > 0 {
            return Verdict::Fine(ask_again);
        }
        let (until, late) = match self.head_since {
            Some(since) => (since + bounds.head_max, Verdict::Fault(Fault::TooSlow)),
            None => (self.idle_since + bounds.idle_max, Verdict::Idle),
        };
        if now < until { Verdict::Fine(ask_again.min(until)) } else { late }
    }
}
