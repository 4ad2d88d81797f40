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
    floor: AtomicU64,
}

impl Clock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { floor: AtomicU64::new(BUILT.parse().unwrap_or(0)) })
    }

    /// This moment has been.
    pub fn has_been(&self, since_epoch: Duration) {
        self.floor.fetch_max(since_epoch.as_secs(), Ordering::Relaxed);
    }

    /// Time since the epoch.
    pub fn now(&self) -> Duration {
        let floor = Duration::from_secs(self.floor.load(Ordering::Relaxed));
        Duration::from_secs(UnixTime::now().as_secs()).max(floor)
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.now()))
    }
}
