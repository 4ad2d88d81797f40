//! When to ask an endpoint for routes: when the last answer has served its time, sooner after a failure or a move.

use super::model::{Bundle, Model};
use super::when::When;

/// After a failure, at least this long after the question before, in microseconds: a node that dies is seen by thousands
/// of devices at once, and those that are left must not be asked by all of them every time.
pub(super) const HURRY_EVERY_US: u64 = 2_000_000;

/// A question that found no answer is asked again after this long, in microseconds, ...
const AGAIN_US: u64 = 5_000_000;

/// ... and up to this much later, by chance.
const AGAIN_SPREAD_US: u64 = 2_500_000;

/// Longest time that an order may be worth something, in microseconds.
pub const TTL_MAX_US: u64 = 300_000_000;

/// The next question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guide {
    due_us: u64,
    asked_at: Option<When>,
}

impl Guide {
    /// Whether it is time to ask.
    #[must_use]
    pub const fn is_due(&self, now_us: u64) -> bool {
        self.due_us <= now_us
    }

    /// A question leaves.
    pub fn asked(&mut self, now_us: u64, random: u32) {
        self.asked_at = Some(When::at(now_us));
        self.due_us = now_us + AGAIN_US + AGAIN_SPREAD_US * u64::from(random >> 16) / 0x1_0000;
    }

    /// An answer came that is good for so long, in microseconds; longer than [`TTL_MAX_US`] is not believed.
    pub fn answered(&mut self, now_us: u64, ttl_us: u64) {
        self.due_us = now_us + ttl_us.clamp(HURRY_EVERY_US, TTL_MAX_US);
    }

    /// An endpoint failed: what was told may be wrong by now.
    pub fn hurry(&mut self, now_us: u64) {
        let soonest_us = self.asked_at.map_or(now_us, |at| at.us() + HURRY_EVERY_US);
        self.due_us = self.due_us.min(soonest_us);
    }

    /// The device is at another place: what was told was for the one before.
    pub const fn moved(&mut self, now_us: u64) {
        self.due_us = now_us;
    }
}

impl Model {
    /// Whether routes should be asked for, and notes that they are: the site may know better, and an exchange that no request
    /// asked for is worth its energy.
    pub fn asks_for_routes(&mut self, now_us: u64, random: u32) -> bool {
        let asks = self.guide.is_due(now_us)
            && matches!(self.bundle, Bundle::Until(_))
            && self.kept_here(now_us).is_none()
            && self.may_wake_radio(now_us);
        if asks {
            self.guide.asked(now_us, random);
            self.wake_radio(now_us);
        }
        asks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn an_answer_is_good_for_its_time_and_no_answer_for_a_short_one() {
        let mut guide = Guide::default();
        assert!(guide.is_due(0));
        guide.asked(0, 0);
        assert!(!guide.is_due(SECOND) && guide.is_due(8 * SECOND));
        guide.answered(0, 15 * SECOND);
        assert!(!guide.is_due(14 * SECOND) && guide.is_due(15 * SECOND));
        guide.answered(0, u64::MAX / 2);
        assert!(guide.is_due(TTL_MAX_US));
    }

    #[test]
    fn failures_hurry_it_and_many_of_them_no_more_than_one() {
        let mut guide = Guide::default();
        guide.asked(10 * SECOND, 0);
        guide.answered(10 * SECOND, 60 * SECOND);
        (0..100).for_each(|_| guide.hurry(10 * SECOND));
        assert!(!guide.is_due(11 * SECOND) && guide.is_due(12 * SECOND));
    }

    #[test]
    fn a_move_asks_at_once() {
        let mut guide = Guide::default();
        guide.asked(0, 0);
        guide.moved(1);
        assert!(guide.is_due(1));
    }
}
