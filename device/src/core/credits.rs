//! How many requests the site lets this device send: a bucket that fills evenly and holds what one period brings.

use super::when::When;

/// The device's share, as an answer for routes told it. Without one, or once that is too old, nothing is held back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Credits {
    per_us: f32,
    size: f32,
    left: f32,
    filled_at: Option<When>,
    until_us: u64,
}

impl Credits {
    /// From now until `until_us` so many requests may be sent in so many microseconds.
    pub fn grant(&mut self, now_us: u64, until_us: u64, requests: u32, period_us: u64) {
        let size = requests.max(1) as f32;
        // What was spent of the share before stays spent.
        let left = self.filled_at.map_or(size, |_| self.left_at(now_us).min(size));
        let per_us = size / period_us.max(1) as f32;
        *self = Self { per_us, size, left, filled_at: Some(When::at(now_us)), until_us };
    }

    /// Whether another request may be sent.
    #[must_use]
    pub fn has_one(&self, now_us: u64) -> bool {
        self.until_us <= now_us || self.filled_at.is_none() || 1.0 <= self.left_at(now_us)
    }

    /// A request was sent, with leave or without.
    pub fn spend(&mut self, now_us: u64) {
        if self.filled_at.is_some() {
            self.left = (self.left_at(now_us) - 1.0).max(0.0);
            self.filled_at = Some(When::at(now_us));
        }
    }

    fn left_at(&self, now_us: u64) -> f32 {
        let since_us = self.filled_at.map_or(0, |at| at.age_us(now_us));
        (self.left + since_us as f32 * self.per_us).min(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn nothing_is_held_back_without_a_grant() {
        let mut credits = Credits::default();
        (0..1_000).for_each(|_| credits.spend(0));
        assert!(credits.has_one(0));
    }

    #[test]
    fn a_period_holds_what_was_granted_and_fills_evenly() {
        let mut credits = Credits::default();
        credits.grant(0, 60 * SECOND, 4, SECOND);
        let sent = |credits: &mut Credits, now_us| {
            let before =
                (0..100).take_while(|_| credits.has_one(now_us).then(|| credits.spend(now_us)).is_some());
            before.count()
        };
        assert_eq!(sent(&mut credits, 0), 4);
        assert_eq!(sent(&mut credits, SECOND / 2), 2);
        assert_eq!(sent(&mut credits, 30 * SECOND), 4);
    }

    #[test]
    fn another_grant_is_no_refill_and_an_old_one_ends() {
        let mut credits = Credits::default();
        credits.grant(0, 10 * SECOND, 1, SECOND);
        credits.spend(0);
        credits.grant(1, 10 * SECOND, 1, SECOND);
        assert!(!credits.has_one(1));
        assert!(credits.has_one(10 * SECOND));
    }
}
