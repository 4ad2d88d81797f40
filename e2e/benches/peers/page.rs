//! The tables, as Markdown that reads well on a terminal. In: the measures. Out: text, and its place on the page of the
//! docs.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};
use e2e::stats::{Estimate, certainty, estimate, ratio};

use crate::{
    measure::{Measure, Values},
    proxy::DIRECT,
    target::{self, Limit, Reached},
};

const BEGIN: &str = "<!-- printed by make bench -->\n";
const END: &str = "<!-- end -->\n";

/// Both tables.
pub fn text(measures: &[Measure], about: &str) -> String {
    let rounds = measures.iter().flat_map(|measure| &measure.arms).map(|values| values.rounds.len()).max();
    let rounds = rounds.unwrap_or_default();
    format!(
        "{about}\n\nMedian of {rounds} rounds; in brackets an interval that holds the true median with a certainty of {:.0} %.\n\n\
         {}\n{}",
        certainty(rounds).1 * 100.0,
        targets(measures),
        details(measures)
    )
}

/// Puts the tables in the place of the last ones.
pub fn write(page: &Path, text: &str) -> Result<()> {
    let old = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let (before, rest) = old.split_once(BEGIN).context("the page has no place for tables")?;
    let (_, after) = rest.split_once(END).context("the place for tables has no end")?;
    Ok(fs::write(page, format!("{before}{BEGIN}\n{text}\n{END}{after}"))?)
}

fn targets(measures: &[Measure]) -> String {
    let mut rows = vec![["level", "measure", "at most", "measured", "verdict"].map(str::to_owned)];
    for reached in target::reached(measures) {
        let Reached { target, measure, .. } = &reached;
        let name = match target.arm.name().strip_prefix("sidecar") {
            Some("") | None => measure.title.into(),
            Some(way) => format!("{}{way}", measure.title),
        };
        rows.push([
            target.level.word().into(),
            name,
            limit(&reached),
            interval(reached.estimate, unit(&reached)),
            reached.verdict().into(),
        ]);
    }
    table(&rows)
}

fn limit(reached: &Reached) -> String {
    match (reached.target.limit, reached.against) {
        (Limit::Share(share, _), Some(arm)) => format!("{share} of {}", arm.name()),
        (limit, _) => format!("{} {}", limit.number(), reached.measure.unit),
    }
}

const fn unit(reached: &Reached) -> &'static str {
    match reached.target.limit {
        Limit::Amount(_) => reached.measure.unit,
        Limit::Share(..) => "",
    }
}

fn details(measures: &[Measure]) -> String {
    let mut rows = vec![["measure", "way", "figure", "sidecar's share", "requests/s"].map(str::to_owned)];
    for (measure, values) in measures.iter().flat_map(|it| it.arms.iter().map(move |values| (it, values))) {
        let rate = values.per_second.first().map(|_| estimate(&values.per_second).median);
        rows.push([
            measure.title.into(),
            values.arm.name(),
            interval(estimate(&values.rounds), measure.unit),
            share(measure, values).map_or_else(String::new, |share| interval(share, "")),
            rate.map_or_else(String::new, |rate| format!("{rate:.0}")),
        ]);
    }
    table(&rows)
}

/// What the sidecar takes of what a peer takes.
fn share(measure: &Measure, values: &Values) -> Option<Estimate> {
    let ours = measure.arms.iter().find(|values| values.arm.is_ours())?;
    // Growth can be nothing, and nothing has no share.
    let is_peer = !values.arm.is_ours() && values.arm != DIRECT && estimate(&values.rounds).low > 0.0;
    is_peer.then(|| ratio(&ours.rounds, &values.rounds))
}

fn interval(Estimate { median, low, high }: Estimate, unit: &str) -> String {
    let digits = if median.abs() < 10.0 { 2 } else { 1 };
    let space = if unit.is_empty() { "" } else { " " };
    format!("{median:.digits$}{space}{unit} [{low:.digits$}, {high:.digits$}]")
}

fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if index == 0 {
            for width in widths {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text.push_str("|\n");
        }
    }
    text
}
