//! What a policy came to on one trace or on several.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts and latencies.
#[derive(Clone, Default)]
pub(super) struct Tally {
    latencies_us: Vec<u64>,
    misses: u64,
    offloaded: u64,
    /// Requests sent; more than one may belong to a request of the device.
    pub(super) sends: u64,
    /// Runs of the model here.
    pub(super) local_runs: u64,
    /// Requests that were begun here and there.
    pub(super) both: u64,
    /// Bytes of bodies that went up.
    pub(super) bytes: f64,
    pub(super) joules: f64,
    /// Sum of the oracle's latencies, in microseconds.
    pub(super) oracle_us: u64,
    /// The decision's words.
    pub(super) reasons: BTreeMap<&'static str, u64>,
}

/// The JSON object. Times in milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    requests: usize,
    misses: u64,
    miss_percent: f64,
    mean: f64,
    p50: f64,
    p99: f64,
    joules: f64,
    offloaded: u64,
    regret: f64,
    sends: u64,
    local_runs: u64,
    both: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    reasons: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// A request ended after this time. One that is late counts with the time at which that was told.
    pub(super) fn answered(&mut self, latency_us: u64, is_late: bool, by_edge: bool) {
        self.latencies_us.push(latency_us);
        self.misses += u64::from(is_late);
        self.offloaded += u64::from(by_edge);
    }

    pub(super) fn sum_us(&self) -> u64 {
        self.latencies_us.iter().sum()
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.latencies_us.extend(&other.latencies_us);
        self.misses += other.misses;
        self.offloaded += other.offloaded;
        self.sends += other.sends;
        self.local_runs += other.local_runs;
        self.both += other.both;
        self.bytes += other.bytes;
        self.joules += other.joules;
        self.oracle_us += other.oracle_us;
        for (reason, count) in &other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    pub(super) fn summary(&self) -> Summary {
        let mut sorted = self.latencies_us.clone();
        sorted.sort_unstable();
        // Nearest rank.
        let percentile = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(rank).map_or(0.0, |us| *us as f64 / 1e3)
        };
        let requests = sorted.len();
        let count = requests.max(1) as f64;
        let mean_us = self.sum_us() as f64 / count;
        Summary {
            requests,
            misses: self.misses,
            miss_percent: rounded(self.misses as f64 / count * 100.0),
            mean: rounded(mean_us / 1e3),
            p50: rounded(percentile(50)),
            p99: rounded(percentile(99)),
            joules: rounded(self.joules),
            offloaded: self.offloaded,
            regret: rounded(self.sum_us() as f64 / self.oracle_us.max(1) as f64 - 1.0),
            sends: self.sends,
            local_runs: self.local_runs,
            both: self.both,
            bytes: self.bytes as u64,
            reasons: self.reasons.clone(),
        }
    }
}

/// To three digits after the point.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
