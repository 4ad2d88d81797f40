//! How often work moves between the places for a gain: what the policy held back, and how often is enough.

use super::outcome::Reason;

/// Moves are counted by steps of this many microseconds, ...
const STEP_US: u64 = 10_000_000;

/// ... and this many of them, the one that runs included, always span a whole minute.
const STEPS: usize = 7;

/// Moves so far, and those that were held back, each time that a request met it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Work moved to the other place because that costs less.
    pub made: u64,
    /// The other place was better, by less than the policy's margin.
    pub held_by_margin: u64,
    /// It was better by enough, and work had moved too short a time ago.
    pub held_by_dwell: u64,
    /// It was, and work had moved too often.
    pub held_by_flap_limit: u64,
    /// Moves of each step, in the place of the step's number.
    of_step: [u16; STEPS],
    /// The last step that has any.
    step: u64,
}

impl Moves {
    /// Whether one more stays within so many in any minute.
    #[must_use]
    pub fn allow_another(&self, now_us: u64, per_minute_max: u32) -> bool {
        let first = (now_us / STEP_US).saturating_sub(STEPS as u64 - 1);
        let recent: u32 =
            (first..=self.step).take(STEPS).map(|step| u32::from(self.of_step[place(step)])).sum();
        recent < per_minute_max
    }

    /// Work moved.
    pub(super) fn moved(&mut self, now_us: u64) {
        let step = now_us / STEP_US;
        for empty in (self.step + 1..=step).take(STEPS) {
            self.of_step[place(empty)] = 0;
        }
        self.step = step.max(self.step);
        let count = &mut self.of_step[place(self.step)];
        *count = count.saturating_add(1);
        self.made += 1;
    }

    /// A decision was made for this reason: counts it where it is one that holds work.
    pub(super) fn decided(&mut self, reason: Reason) {
        match reason {
            Reason::WithinMargin => self.held_by_margin += 1,
            Reason::Dwell => self.held_by_dwell += 1,
            Reason::FlapLimit => self.held_by_flap_limit += 1,
            _ => {}
        }
    }
}

const fn place(step: u64) -> usize {
    (step % STEPS as u64) as usize
}
