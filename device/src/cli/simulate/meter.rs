//! Joules: what a device spends above idling, by its profile.

use longshore_device::core::profile::{Profile, RATE_MAX_MEGABITS};

use super::trace::Trace;

/// Where the energy went, in microjoules.
#[derive(Clone, Copy, Default)]
pub(super) struct Meter {
    compute: f64,
    radio: f64,
    /// Exchanges that are out, and since when the radio is on for them.
    out: u32,
    on_since_us: u64,
    /// When the last exchange was over.
    off_since_us: Option<u64>,
}

impl Meter {
    pub(super) fn joules(&self) -> f64 {
        (self.compute + self.radio) / 1e6
    }

    /// The model ran here for this long.
    pub(super) fn computed(&mut self, profile: &Profile, us: u64) {
        self.compute += us as f64 * f64::from(profile.compute_milliwatts) / 1e3;
    }

    /// An exchange begins: the radio wakes, unless it is awake.
    pub(super) fn wake(&mut self, profile: &Profile, now_us: u64) {
        if self.out == 0 {
            self.on_since_us = now_us;
            let off_us = self.off_since_us.map_or(f64::INFINITY, |since_us| (now_us - since_us) as f64);
            let tail_us = f64::from(profile.tail_us);
            // The tail behind this exchange, less what remained of the one before.
            self.radio += tail_us.min(off_us) * f64::from(profile.tail_milliwatts) / 1e3;
            if tail_us < off_us {
                self.radio += f64::from(profile.radio_wake_microjoules);
            }
        }
        self.out += 1;
    }

    /// An exchange is over: the radio sleeps, unless another one is out.
    pub(super) fn sleep(&mut self, profile: &Profile, now_us: u64) {
        self.out -= 1;
        if self.out == 0 {
            let on_us = now_us - self.on_since_us;
            self.radio += on_us as f64 * f64::from(profile.idle_milliwatts) / 1e3;
            self.off_since_us = Some(now_us);
        }
    }

    /// Bits went out between two times; the radio waited while the link was out.
    pub(super) fn sent(&mut self, profile: &Profile, trace: &Trace, from_us: u64, to_us: u64) {
        // The time as such is in `sleep`.
        let extra_milliwatts = f64::from(profile.transmit_milliwatts - profile.idle_milliwatts);
        for (us, stretch) in trace.between(from_us, to_us) {
            if 0.0 < stretch.kilobits_per_second {
                let megabits = (stretch.kilobits_per_second / 1e3).min(f64::from(RATE_MAX_MEGABITS));
                let by_rate = megabits * f64::from(profile.transmit_milliwatts_per_megabit);
                self.radio += us as f64 * (extra_milliwatts + by_rate) / 1e3;
            }
        }
    }
}
