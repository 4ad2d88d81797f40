//! Figures for people.

pub mod plot;

use std::fmt::Write as _;

use serde::Serialize;

use crate::{policy::catalogue::Name, world::tally::Figures};

/// One run and its figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Row {
    /// `ramp` or `edge`.
    pub regime: &'static str,
    /// Who chose.
    pub policy: Name,
    /// How many servers there were.
    pub servers: usize,
    /// Load over what is allotted.
    pub load: f64,
    /// Seed of the run.
    pub seed: u64,
    /// What came out.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Rows below each other.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "policy     servers  load   queries   misses %  local %    p50 ms    p99 ms  p99.9 ms  control/query  sent/query  noticed s  forgotten s\n",
    );
    for Row { policy, servers, load, figures, .. } in rows {
        let Figures { queries, misses, local, p50, p99, p999, control, sent, noticed, forgotten, .. } =
            figures;
        let _ = writeln!(
            text,
            "{:<10} {servers:>7} {load:>5.2} {queries:>9} {:>10.3} {:>8.2} {p50:>9.1} {p99:>9.1} {p999:>9.1} {control:>14.3} {sent:>11.3} {:>10} {:>12}",
            policy.word(),
            misses * 100.0,
            local * 100.0,
            seconds(*noticed),
            seconds(*forgotten),
        );
    }
    text
}

fn seconds(time: Option<f64>) -> String {
    time.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.2}"))
}
