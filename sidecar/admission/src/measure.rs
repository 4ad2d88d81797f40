//! What the last requests cost: pure bookkeeping. In: durations and events with their times. Out: mean, percentiles and
//! rates, each in a time that does not grow. It never reads a clock.

use std::{
    cmp::Ordering,
    collections::{VecDeque, vec_deque},
    time::{Duration, Instant},
};

/// Enough for a p95 that three slow requests move and one does not.
const SAMPLES: usize = 64;
/// Time constant of the rates.
const RATE_SECONDS: f64 = 5.0;
/// So many samples in a row beyond all before them are no accident: the server has changed.
const CHANGED: usize = 4;
/// After such a silence a single shorter one is enough: perhaps the old ones kept all others out.
const SILENCE: Duration = Duration::from_secs(1);

/// The last durations, in order of arrival and in order of size.
#[derive(Debug, Default)]
pub struct Recent {
    arrived: VecDeque<Duration>,
    sorted: Vec<Duration>,
    sum: Duration,
    last: Option<Instant>,
}

impl Recent {
    /// Takes a duration that was measured at `now`.
    pub fn record(&mut self, now: Instant, sample: Duration) {
        let was_silent = self.last.is_some_and(|last| now > last + SILENCE);
        self.arrived.push_back(sample);
        let place = self.sorted.partition_point(|other| *other < sample);
        self.sorted.insert(place, sample);
        self.sum += sample;
        self.last = Some(now);
        let keep = match self.step(CHANGED) {
            Some(_) => CHANGED,
            None if was_silent && self.step(1) == Some(Ordering::Less) => 1,
            None => SAMPLES,
        };
        while self.arrived.len() > keep {
            self.forget();
        }
    }

    /// How the last `news` samples stand to the older ones, if all of them do to every one.
    fn step(&self, news: usize) -> Option<Ordering> {
        let olds = self.arrived.len().checked_sub(news).filter(|olds| *olds > 0)?;
        let bounds =
            |samples: vec_deque::Iter<'_, Duration>| Some((*samples.clone().min()?, *samples.max()?));
        let (old_min, old_max) = bounds(self.arrived.range(..olds))?;
        let (new_min, new_max) = bounds(self.arrived.range(olds..))?;
        match (new_max < old_min, new_min > old_max) {
            (true, _) => Some(Ordering::Less),
            (_, true) => Some(Ordering::Greater),
            _ => None,
        }
    }

    fn forget(&mut self) {
        let Some(oldest) = self.arrived.pop_front() else { return };
        let place = self.sorted.partition_point(|other| *other < oldest);
        self.sorted.remove(place);
        self.sum -= oldest;
    }

    /// `None` before the first sample.
    pub fn mean(&self) -> Option<Duration> {
        let count = u32::try_from(self.arrived.len()).ok().filter(|count| *count > 0)?;
        Some(self.sum / count)
    }

    /// The smallest sample that `percent` of all samples do not exceed.
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.sorted.len() * percent).div_ceil(100).max(1);
        self.sorted.get(rank - 1).copied()
    }

    /// When the last sample was taken.
    pub fn last(&self) -> Option<Instant> {
        self.last
    }
}

/// Events per second, the old ones fading.
#[derive(Debug, Default)]
pub struct Rate {
    value: f64,
    at: Option<Instant>,
}

impl Rate {
    /// An event at `now`.
    pub fn record(&mut self, now: Instant) {
        self.value = self.at(now) + 1.0 / RATE_SECONDS;
        self.at = Some(now);
    }

    /// The rate as of `now`.
    pub fn at(&self, now: Instant) -> f64 {
        let age = self.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.value * (-age / RATE_SECONDS).exp()
    }
}

#[cfg(test)]
mod tests;
