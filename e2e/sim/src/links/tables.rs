//! The figures of links as Markdown, and as charts.

use std::fmt::Write as _;

use super::{Case, OURS, POLICIES, Summary, Table};
use crate::show::plot::{Chart, Line};

/// Every table below each other.
#[must_use]
pub fn text(tables: &[Table]) -> String {
    tables.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(table: &Table) -> String {
    let Case { part, kind, percent, bytes, local_ms, deadline_ms } = table.case;
    let mut text = format!(
        "{} {kind} links, {percent} % of their bandwidth: {bytes} bytes, {local_ms} ms here, deadline {deadline_ms} ms\n\n\
         | policy | misses % | worst link % | mean ms | p99 ms | mJ per request | of racing | regret | at the edge % | \
         sent per request | begun at both % |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
        part.word()
    );
    let racing = table.of("race-both").joules;
    for (policy, row) in POLICIES.iter().zip(&table.rows) {
        let Summary { requests, miss_percent, mean, p99, joules, regret, .. } = row;
        let per_request = |count: u64| count as f64 / (*requests).max(1) as f64;
        let _ = writeln!(
            text,
            "| {policy} | {miss_percent:.3} | {:.3} | {mean:.1} | {p99:.1} | {:.1} | {:.2} | {regret:.3} | {:.1} | {:.3} | {:.2} |",
            row.traces.iter().map(|it| it.miss_percent).fold(0.0, f64::max),
            joules * 1e3 / (*requests).max(1) as f64,
            joules / racing,
            per_request(row.offloaded) * 100.0,
            per_request(row.sends),
            per_request(row.both) * 100.0,
        );
    }
    text
}

/// Misses, mean and energy by what is left of the bandwidth.
#[must_use]
pub fn charts(tables: &[Table]) -> Vec<Chart> {
    let chart = |title: &str, figure: fn(&Summary) -> f64| {
        let line = |name: &'static str| {
            let point = |table: &Table| (f64::from(table.case.percent), figure(table.of(name)));
            Line { name, is_ours: name == OURS, points: tables.iter().map(point).collect() }
        };
        Chart { title: title.to_owned(), lines: POLICIES.into_iter().map(line).collect() }
    };
    vec![
        chart("misses, percent", |row| row.miss_percent),
        chart("mean, milliseconds", |row| row.mean),
        chart("energy, millijoules per request", |row| row.joules * 1e3 / row.requests.max(1) as f64),
    ]
}
