//! The report as Markdown that reads well on a terminal, its place in the docs, and its plots.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};

use super::{
    Results, TUNING_SEEDS,
    checks::{Check, Level},
    means::{Key, Means},
};
use crate::{
    edge, links,
    policy::catalogue::Name,
    ramp,
    show::plot::{Chart, Line, svg},
    world::tally::Figures,
};

const BEGIN: &str = "<!-- printed by make sim -->\n";
const END: &str = "<!-- end -->\n";

/// All tables.
#[must_use]
pub fn text(results: &Results, checks: &[Check]) -> String {
    let mut text = format!(
        "Means over the seeds {:?}; parameters were chosen with the seeds {TUNING_SEEDS:?}.\n\n## What holds\n\n{}",
        results.seeds,
        lines(checks)
    );
    text.push_str("\n## The ramp: p99 / p99.9 in milliseconds, and errors where there are any\n\n");
    text.push_str(&ramp_table(&results.ramp));
    let _ = writeln!(
        text,
        "\nPrequal's p99 in milliseconds by probes per query, at 1.14:\n\n{}",
        sweep(&results.probes)
    );
    let _ = writeln!(
        text,
        "Prequal's p99 in milliseconds by `Q_RIF`, half of the replicas at half speed, at 0.75:\n\n{}",
        sweep(&results.hot)
    );
    for nodes in edge::NODES {
        let _ = writeln!(text, "## The edge: {nodes} nodes\n");
        text.push_str(&edge_table(&results.edge, nodes));
        text.push('\n');
    }
    text.push_str("## Prequal at the edge with three probes per request, 16 nodes\n\n");
    text.push_str(&rows(results.beyond.iter()));
    text.push_str("\n## Our admission before everybody's nodes, 16 nodes, first seed\n\n");
    text.push_str(&rows(results.guarded.iter()));
    text.push_str("\n## Our devices without admission before the nodes, 16 nodes, first seed\n\n");
    text.push_str(&rows(results.bare.iter()));
    text
}

/// What holds.
#[must_use]
pub fn lines(checks: &[Check]) -> String {
    let mut text = String::from("| level | what | reached | |\n|---|---|---|---|\n");
    for Check { level, what, reached, holds } in checks {
        let level = if *level == Level::Must { "MUST" } else { "GOAL" };
        let verdict = if *holds { "yes" } else { "**no**" };
        let _ = writeln!(text, "| {level} | {what} | {reached} | {verdict} |");
    }
    text
}

/// Puts the report in the place of the last one.
///
/// # Errors
/// When the page has no place for it, or cannot be read or written.
pub fn write(page: &Path, text: &str) -> Result<()> {
    let old = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let (before, rest) = old.split_once(BEGIN).context("the page has no place for the report")?;
    let (_, after) = rest.split_once(END).context("the place for the report has no end")?;
    Ok(fs::write(page, format!("{before}{BEGIN}\n{text}\n{END}{after}"))?)
}

/// The plots by their file names.
#[must_use]
pub fn plots(results: &Results) -> [(&'static str, String); 3] {
    let of_ramp = |title: &str, figure: fn(&Figures) -> f64| chart(&results.ramp, 100, title, figure);
    let p99 = of_ramp("p99, milliseconds", |figures| figures.p99);
    let p999 = of_ramp("p99.9, milliseconds", |figures| figures.p999);
    let misses = edge::NODES.map(|nodes| {
        let title = format!("misses with {nodes} nodes, percent");
        chart(&results.edge, nodes, &title, |figures| figures.misses * 100.0)
    });
    let links = links::tables::charts(&results.by_bandwidth);
    [
        ("simulation-ramp.svg", svg("The published ramp, by load over what is allotted", &[p99, p999])),
        ("simulation-edge.svg", svg("The edge, by load over what all nodes can do", &misses)),
        ("simulation-links.svg", svg("4G links that no tuning saw, by percent of their bandwidth", &links)),
    ]
}

fn chart(means: &Means, servers: usize, title: &str, figure: fn(&Figures) -> f64) -> Chart {
    let line = |policy: Name| {
        let of_policy = means.iter().filter(|(key, _)| key.policy == policy && key.servers == servers);
        let points = of_policy.map(|(key, figures)| (key.load, figure(figures))).collect();
        Line { name: policy.word(), is_ours: policy.is_ours(), points }
    };
    Chart { title: title.to_owned(), lines: Name::ALL.into_iter().map(line).collect() }
}

fn ramp_table(means: &Means) -> String {
    let mut text =
        format!("| |{}\n|---|{}\n", ramp::LEVELS.map(|load| format!(" {load} |")).concat(), "---|".repeat(9));
    for policy in Name::ALL {
        let cell = |load| {
            let Figures { p99, p999, misses, .. } = means.of(Key { servers: 100, load, policy });
            let errors = if misses > 0.0 { format!(", {:.2} %", misses * 100.0) } else { String::new() };
            format!(" {p99:.0} / {p999:.0}{errors} |")
        };
        let _ = writeln!(text, "| {} |{}", policy.word(), ramp::LEVELS.map(cell).concat());
    }
    text
}

fn edge_table(means: &Means, nodes: usize) -> String {
    rows(means.iter().filter(|(key, _)| key.servers == nodes))
}

fn rows<'a>(all: impl Iterator<Item = &'a (Key, Figures)>) -> String {
    let mut text = String::from(
        "| load | policy | misses % | on the device % | p50 ms | p99 ms | p99.9 ms | messages | sent | crash noticed s | forgotten s |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let seconds = |time: Option<f64>| time.map_or_else(|| "never".to_owned(), |time| format!("{time:.2}"));
    for (key, figures) in all {
        let Figures { misses, local, p50, p99, p999, control, sent, noticed, forgotten, .. } = *figures;
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} | {:.2} | {p50:.0} | {p99:.0} | {p999:.0} | {control:.3} | {sent:.3} | {} | {} |",
            key.load,
            key.policy.word(),
            misses * 100.0,
            local * 100.0,
            seconds(noticed),
            seconds(forgotten),
        );
    }
    text
}

fn sweep(values: &[(f64, f64)]) -> String {
    let heads: String = values.iter().map(|(value, _)| format!(" {value} |")).collect();
    let cells: String = values.iter().map(|(_, p99)| format!(" {p99:.0} |")).collect();
    format!("|{heads}\n|{}\n|{cells}\n", "---|".repeat(values.len()))
}
