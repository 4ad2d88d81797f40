//! When to look at an edge again that was too slow: soon at first, then ever more rarely.

/// First pause, in microseconds; doubled each time in a row that the edge loses.
const FIRST_US: u64 = 1_000_000;

/// Longest pause, in microseconds.
const LONGEST_US: u64 = 64_000_000;

/// The next look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    at_us: u64,
    losses: u8,
}

impl Look {
    /// Whether it is time.
    #[must_use]
    pub const fn is_due(&self, now_us: u64) -> bool {
        self.at_us <= now_us
    }

    /// The edge answered.
    pub const fn won(&mut self, now_us: u64) {
        *self = Self { at_us: now_us + FIRST_US, losses: 0 };
    }

    /// The device was first, or the edge stayed silent.
    pub fn lost(&mut self, now_us: u64) {
        self.at_us = now_us + (FIRST_US << self.losses.min(16)).min(LONGEST_US);
        self.losses = self.losses.saturating_add(1);
    }
}
