//! What this container uses of what it may, for the load report. In: files of its own cgroup, version 2. Out: two shares,
//! each 0 where it cannot be read. The model server runs in another container, and no cgroup but its own is in sight here.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The container's shares.
#[derive(Debug)]
pub struct Usage {
    cgroup: PathBuf,
    last: Mutex<Option<Look>>,
}

/// Shares of what may be used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    pub processor: f64,
    pub memory: f64,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    /// Processor time since the container began.
    spent: Option<Duration>,
    shares: Shares,
}

impl Usage {
    pub fn new() -> Self {
        Self::of(own_cgroup())
    }

    fn of(cgroup: PathBuf) -> Self {
        Self { cgroup, last: Mutex::default() }
    }

    /// The shares as of `now`: of the processors since the look before, which is none the first time. The files are made by
    /// the kernel as they are read, so that reading does not wait.
    pub fn at(&self, now: Instant) -> Shares {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let look = match *last {
            Some(look) if now.saturating_duration_since(look.at) < LOOK_EVERY => look,
            before => self.look(now, before),
        };
        *last = Some(look);
        look.shares
    }

    fn look(&self, now: Instant, before: Option<Look>) -> Look {
        let spent = self.spent();
        let processor = before.and_then(|before| {
            let over = now.saturating_duration_since(before.at);
            Some(spent?.saturating_sub(before.spent?).as_secs_f64() / over.as_secs_f64() / self.processors())
        });
        let shares =
            Shares { processor: processor.unwrap_or_default(), memory: self.memory().unwrap_or_default() };
        Look { at: now, spent, shares }
    }

    fn spent(&self) -> Option<Duration> {
        let text = self.read("cpu.stat")?;
        text.lines()
            .find_map(|line| line.strip_prefix("usage_usec ")?.parse().ok())
            .map(Duration::from_micros)
    }

    /// How many may be used: the quota, or all.
    fn processors(&self) -> f64 {
        let quota = self.read("cpu.max").and_then(|text| {
            let (quota, period) = text.split_once(' ')?;
            Some(number(quota)? / number(period)?)
        });
        quota.unwrap_or_else(|| thread::available_parallelism().map_or(1.0, |count| count.get() as f64))
    }

    fn memory(&self) -> Option<f64> {
        let used = number(&self.read("memory.current")?)?;
        let limit = self.read("memory.max").and_then(|text| number(&text));
        Some(used / limit.or_else(machine_memory)?)
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.cgroup.join(name)).ok()
    }
}

/// `max` is no number.
fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// In a container its own cgroup is the root of those in sight.
fn own_cgroup() -> PathBuf {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    Path::new("/sys/fs/cgroup").join(path)
}

fn machine_memory() -> Option<f64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(number(line.strip_suffix("kB")?)? * 1024.0)
}

#[cfg(test)]
mod tests;
