//! What the decision promises on recorded links.

use super::{OURS, Summary, Table};
use crate::report::checks::{Check, at_most, goal, must};

/// Points of misses that ours may have beyond always-local, pooled and on any link.
const MISSES_MORE: (f64, f64) = (0.1, 1.0);
/// Time beyond a run on the device from which there is slack, in milliseconds.
const SLACK_MS: u32 = 100;
/// Energy over that of racing, where there is slack.
const ENERGY_MOST: f64 = 0.75;
/// Requests begun at both places, where there is slack.
const BOTH_MOST: f64 = 0.05;
/// Requests sent per request.
const SENDS_MOST: f64 = 1.1;
/// Mean over the oracle's mean.
const MEAN_MOST: f64 = 1.03;

/// Every line.
#[must_use]
pub fn all(tables: &[Table]) -> Vec<Check> {
    let worst = |figure: fn(&Table) -> f64| move |tables: &[&Table]| most(tables.iter().map(|it| figure(it)));
    let every: Vec<&Table> = tables.iter().collect();
    let (slack, none): (Vec<&Table>, Vec<&Table>) =
        every.iter().partition(|table| SLACK_MS <= table.case.slack_ms());
    let of_kind = |kind: &str| -> Vec<&Table> {
        slack.iter().copied().filter(|table| table.case.kind == kind).collect()
    };
    let mean = worst(|table| 1.0 + table.of(OURS).regret);
    let (pooled, single) = (worst(misses_more)(&every), worst(misses_more_on_a_link)(&every));
    let energy = worst(|table| table.of(OURS).joules / table.of("race-both").joules)(&slack);
    let both = worst(|table| share(table.of(OURS), |it| it.both))(&slack);
    let sends = worst(|table| share(table.of(OURS), |it| it.sends))(&every);
    vec![
        must(
            "links: misses beyond always-local's, pooled: at most 0.1 points",
            format!("{pooled:.3} at worst"),
            pooled <= MISSES_MORE.0,
        ),
        must(
            "links: misses beyond always-local's, on any link: at most 1 point",
            format!("{single:.3} at worst"),
            single <= MISSES_MORE.1,
        ),
        must(
            "links, slack: energy over that of racing: at most 0.75",
            format!("{energy:.2} at worst"),
            energy <= ENERGY_MOST,
        ),
        must(
            "links, slack: begun at both places: at most 5 %",
            format!("{:.1} % at worst", both * 100.0),
            both <= BOTH_MOST,
        ),
        must("links: sent per request: at most 1.1", format!("{sends:.3} at worst"), sends <= SENDS_MOST),
        at_most("links, no slack: mean over the oracle's", mean(&none), MEAN_MOST),
        at_most("links, slack, 3G: mean over the oracle's", mean(&of_kind("3g")), MEAN_MOST),
        at_most("links, slack, 4G: mean over the oracle's", mean(&of_kind("4g")), MEAN_MOST),
        pooled_mean(&slack),
    ]
}

/// Over all requests of all cases with slack.
fn pooled_mean(tables: &[&Table]) -> Check {
    let sum = |policy: &str| -> f64 {
        let sum = |table: &&Table| table.of(policy).mean * table.of(policy).requests as f64;
        tables.iter().map(sum).sum()
    };
    let ratio = sum(OURS) / sum("oracle");
    let what = format!("links, slack, all pooled: mean over the oracle's: at most {MEAN_MOST}");
    goal(&what, format!("{ratio:.3}"), ratio <= MEAN_MOST)
}

fn misses_more(table: &Table) -> f64 {
    table.of(OURS).miss_percent - table.of("always-local").miss_percent
}

fn misses_more_on_a_link(table: &Table) -> f64 {
    let (ours, local) = (&table.of(OURS).traces, &table.of("always-local").traces);
    most(ours.iter().zip(local).map(|(ours, local)| ours.miss_percent - local.miss_percent))
}

fn share(row: &Summary, count: fn(&Summary) -> u64) -> f64 {
    count(row) as f64 / row.requests.max(1) as f64
}

fn most(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(f64::NEG_INFINITY, f64::max)
}
