//! A moment, in the eight bytes of which an `Option` needs no ninth.

use std::num::NonZeroU64;

/// A time of the driver's clock, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct When(NonZeroU64);

impl When {
    /// The moment at `us`.
    #[must_use]
    pub const fn at(us: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(us))
    }

    /// The time again, in microseconds.
    #[must_use]
    #[inline]
    pub const fn us(self) -> u64 {
        self.0.get() - 1
    }

    /// How long ago that is, in microseconds; 0 for the future.
    #[must_use]
    #[inline]
    pub const fn age_us(self, now_us: u64) -> u64 {
        now_us.saturating_sub(self.us())
    }

    /// The same to 24 bits. By way of `i64`: from `u64` to `f32` takes a processor without AVX-512 several instructions.
    #[must_use]
    #[inline]
    pub const fn rough_age_us(self, now_us: u64) -> f32 {
        (now_us.wrapping_sub(self.us()) as i64 as f32).max(0.0)
    }
}
