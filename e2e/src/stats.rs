//! What a handful of rounds say. In: one value of each round. Out: their median, and an interval of order statistics,
//! which holds whatever the values' distribution is.

/// How sure an interval should be, where there are rounds enough.
const SURE: f64 = 0.95;

/// A median with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The middle value.
    pub median: f64,
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The median of some values and its interval.
///
/// # Panics
/// Without values.
#[must_use]
pub fn estimate(values: &[f64]) -> Estimate {
    assert!(!values.is_empty(), "there is no median of nothing");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let (left_out, _) = certainty(count);
    let median = f64::midpoint(sorted[(count - 1) / 2], sorted[count / 2]);
    Estimate { median, low: sorted[left_out], high: sorted[count - 1 - left_out] }
}

/// The estimate of what one value is of the other's, round by round.
#[must_use]
pub fn ratio(values: &[f64], others: &[f64]) -> Estimate {
    let ratios: Vec<f64> = values.iter().zip(others).map(|(value, other)| value / other).collect();
    estimate(&ratios)
}

/// How many of so many values an interval leaves out at each end, and how sure it is then.
#[must_use]
pub fn certainty(count: usize) -> (usize, f64) {
    // The true median lies outside when too few values fall on one side of it; they fall like a coin.
    let mut ways = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut outside = 2.0 * ways;
    let mut best = (0, 1.0 - outside);
    for left_out in 1..count.div_ceil(2) {
        ways *= (count + 1 - left_out) as f64 / left_out as f64;
        outside += 2.0 * ways;
        if 1.0 - outside < SURE {
            break;
        }
        best = (left_out, 1.0 - outside);
    }
    best
}
