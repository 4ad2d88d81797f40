//! When the radio may be woken for something that no request asked for.
//!
//! A probe of a few bytes keeps an LTE radio awake for as long as a large upload does, and costs as much as hundreds of runs
//! on a small device. So curiosity has an allowance: a share of what requests cost. Right behind an exchange it is next to
//! free, because the radio is awake.

use super::profile::Profile;
use super::when::When;

/// Share of the energy of requests that may be spent on it.
const SHARE: f32 = 0.05;

/// Times that the radio may be woken from what is put aside at most, and at the start.
const WAKES_MAX: f32 = 2.0;

/// A device without a request for this long is not in use, in microseconds.
const IN_USE_US: u64 = 30_000_000;

/// The radio and the allowance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Radio {
    /// When it was last at work.
    at: Option<When>,
    /// Whether the last request ran on a battery. On mains power energy is no concern.
    on_battery: bool,
    /// What was spent beyond what requests brought in, in nanojoules: less is more to spend.
    owed: f32,
    /// When the last request began.
    asked_at: Option<When>,
}

impl Radio {
    /// How long it has been idle, in microseconds; infinite before its first exchange.
    #[must_use]
    pub fn idle_us(&self, now_us: u64) -> f32 {
        self.at.map_or(f32::INFINITY, |at| at.age_us(now_us) as f32)
    }

    /// It is at work.
    pub fn works(&mut self, now_us: u64) {
        self.at = Some(When::at(now_us));
    }

    /// A request begins that costs about this much, in nanojoules.
    pub fn earn(&mut self, now_us: u64, on_battery: bool, nanojoules: f32) {
        (self.on_battery, self.asked_at) = (on_battery, Some(When::at(now_us)));
        self.owed = (self.owed - SHARE * nanojoules).max(0.0);
    }

    /// Whether there was a request a short time ago.
    #[must_use]
    pub fn is_in_use(&self, now_us: u64) -> bool {
        self.asked_at.is_some_and(|at| at.age_us(now_us) < IN_USE_US)
    }

    /// Whether it may be woken, or kept awake for longer.
    #[must_use]
    pub fn may_wake(&self, now_us: u64, profile: &Profile) -> bool {
        let most = WAKES_MAX * wake_nanojoules(f32::INFINITY, profile);
        !self.on_battery || self.owed + wake_nanojoules(self.idle_us(now_us), profile) <= most
    }

    /// Pays for an exchange that begins now: what that costs, in nanojoules.
    pub fn pay(&mut self, now_us: u64, profile: &Profile) -> f32 {
        let nanojoules = wake_nanojoules(self.idle_us(now_us), profile);
        self.owed += nanojoules;
        nanojoules
    }
}

/// What a few bytes cost after the radio has been idle for so long.
fn wake_nanojoules(idle_us: f32, profile: &Profile) -> f32 {
    profile.exchange_nanojoules(0, 0.0, 0.0, idle_us)
}

#[cfg(test)]
mod tests {
    use super::super::profile::{DeviceClass, Link};
    use super::*;

    const SECOND: u64 = 1_000_000;

    /// Times that it is woken in an hour in which a request comes every 5 s and somebody is curious every 10 s.
    fn wakes(link: Link, on_battery: bool, request_nanojoules: f32) -> u32 {
        let (mut radio, profile) = (Radio::default(), Profile::of(DeviceClass::Wearable, link));
        let mut wakes = 0;
        for second in (0..3_600).step_by(5) {
            radio.earn(second * SECOND, on_battery, request_nanojoules);
            if second % 10 == 0 && radio.may_wake(second * SECOND, &profile) {
                radio.pay(second * SECOND, &profile);
                radio.works(second * SECOND);
                wakes += 1;
            }
        }
        wakes
    }

    #[test]
    fn a_wearable_on_lte_wakes_its_radio_at_the_start_and_then_for_requests_alone() {
        // 120 ms at 300 mW are 36 mJ; waking LTE is 12.6 J.
        assert_eq!(wakes(Link::Lte, true, 36e6), 2);
        assert_eq!(wakes(Link::Lte, false, 36e6), 360);
    }

    #[test]
    fn on_wifi_a_look_now_and_then_is_cheap() {
        let wakes = wakes(Link::Wifi, true, 36e6);
        assert!((20..60).contains(&wakes), "{wakes}");
    }

    #[test]
    fn right_behind_an_exchange_curiosity_is_free() {
        let (mut radio, profile) = (Radio::default(), Profile::of(DeviceClass::Wearable, Link::Lte));
        radio.earn(0, true, 0.0);
        radio.pay(0, &profile);
        radio.pay(60 * SECOND, &profile);
        assert!(!radio.may_wake(120 * SECOND, &profile));
        radio.works(120 * SECOND);
        assert!(radio.may_wake(120 * SECOND, &profile));
    }
}
