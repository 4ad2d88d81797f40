//! What is counted of the queries of one run.

use serde::Serialize;

use super::memory;
use crate::server::Fault;

/// How queries ended. Those counted are the ones that came after the warm-up, and each ends exactly once.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many came.
    pub queries: u64,
    /// Answered with a result before their deadline.
    pub answered: u64,
    /// Without any answer by their deadline.
    pub late: u64,
    /// Told so early that there is no result that the device had time to run the model itself.
    pub local: u64,
    /// Told later than that, before their deadline.
    pub failed: u64,
    /// How often they were sent.
    pub sent: u64,
    /// Control messages in the same time: a probe with its answer is one.
    pub control: u64,
    /// Seconds of each; one that was not answered counts with the whole of its time.
    pub seconds: Vec<f32>,
    /// When something was sent to each server, in seconds since the start, warm-up included.
    pub sends: Vec<Vec<f32>>,
    /// The faults of each server.
    pub faults: Vec<Vec<Fault>>,
}

/// The figures of one run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// How many queries came.
    pub queries: u64,
    /// Share that had no result by its deadline.
    pub misses: f64,
    /// Share that the device answered itself, because it was told early that no server would.
    pub local: f64,
    /// Median in milliseconds; those without a result count with their whole time.
    pub p50: f64,
    /// 99th percentile in milliseconds.
    pub p99: f64,
    /// 99.9th percentile in milliseconds.
    pub p999: f64,
    /// Control messages per query.
    pub control: f64,
    /// How often a query was sent.
    pub sent: f64,
    /// Seconds until a silent server gets a tenth of its usual queries; `null` when it never came to that, or no server
    /// was silent.
    pub noticed: Option<f64>,
    /// Seconds until a server that is back gets half of its usual queries again, 0 where none was silent; `null` when that
    /// takes more than 5 s.
    pub forgotten: Option<f64>,
}

impl Tally {
    /// The figures.
    #[must_use]
    pub fn figures(&mut self) -> Figures {
        let per_query = |count: u64| count as f64 / self.queries.max(1) as f64;
        let misses = per_query(self.late + self.failed);
        let (local, control, sent) = (per_query(self.local), per_query(self.control), per_query(self.sent));
        let mut percentile = |share: f64| percentile(&mut self.seconds, share) * 1_000.0;
        Figures {
            queries: self.queries,
            misses,
            local,
            p50: percentile(0.5),
            p99: percentile(0.99),
            p999: percentile(0.999),
            control,
            sent,
            noticed: memory::noticed(&self.sends, &self.faults),
            forgotten: memory::forgotten(&self.sends, &self.faults),
        }
    }
}

/// The smallest value that this share of all values does not exceed.
fn percentile(values: &mut [f32], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let rank = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len());
    f64::from(*values.select_nth_unstable_by(rank - 1, f32::total_cmp).1)
}
