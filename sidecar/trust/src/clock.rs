//! The wall clock, held up by what has certainly been: boards without a battery boot in 1970. In: moments of the past.
//! Out: a time that is never before any of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustls::{pki_types::UnixTime, time_provider::TimeProvider};

/// When this program was built, in seconds.
const BUILT: &str = env!("LONGSHORE_BUILT");

/// A wall clock with a floor.
#[derive(Debug)]
pub struct Clock {
    wall: fn() -> UnixTime,
    floor: AtomicU64,
}

impl Clock {
    /// The machine's.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::told_by(UnixTime::now)
    }

    /// One that takes the time from elsewhere.
    #[must_use]
    pub fn told_by(wall: fn() -> UnixTime) -> Arc<Self> {
        Arc::new(Self { wall, floor: AtomicU64::new(BUILT.parse().unwrap_or(0)) })
    }

    /// This moment has been.
    pub fn has_been(&self, since_epoch: Duration) {
        self.floor.fetch_max(since_epoch.as_secs(), Ordering::Relaxed);
    }

    /// Time since the epoch.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.wall().max(self.floor())
    }

    /// Whether the wall clock tells a time that has long been: it was never set.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.wall() < self.floor()
    }

    fn wall(&self) -> Duration {
        Duration::from_secs((self.wall)().as_secs())
    }

    fn floor(&self) -> Duration {
        Duration::from_secs(self.floor.load(Ordering::Relaxed))
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.now()))
    }
}
