//! A battery that falls evenly.

use std::time::Duration;

/// Level at the start and how fast it falls.
#[derive(Clone, Copy)]
pub(crate) struct Battery {
    pub(crate) start_percent: Option<f32>,
    pub(crate) drain_percent_per_minute: f32,
}

impl Battery {
    /// The level after some time; `None` on mains power.
    pub(crate) fn percent(self, after: Duration) -> Option<f32> {
        let drained = self.drain_percent_per_minute * after.as_secs_f32() / 60.0;
        Some((self.start_percent? - drained).clamp(0.0, 100.0))
    }
}
