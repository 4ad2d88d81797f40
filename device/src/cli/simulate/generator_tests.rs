//! The fit of the made-up links: recomputed from the recorded ones, which are not shipped, and compared.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::generator::{PARTS, STATES, stretches};
use super::trace::Trace;
use crate::cli::dice::Dice;

/// Below this a link is out, in kbit/s.
const OUTAGE: f64 = 40.0;

/// Bandwidths of the recorded links of a kind, one a second.
fn recorded(kind: &str) -> Vec<Vec<f64>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../e2e/traces");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap().to_string_lossy().starts_with(kind));
    files.sort();
    let by_second = |file: &PathBuf| {
        let trace = Trace::open(file.to_str().unwrap(), 100.0, 0).unwrap();
        let seconds = 0..trace.duration_us() / 1_000_000;
        seconds.map(|second| trace.at(second * 1_000_000).kilobits_per_second).collect()
    };
    files.iter().map(by_second).collect()
}

fn generated(kind: &str) -> Vec<Vec<f64>> {
    let link = |seed| stretches(kind, Dice::new(seed)).unwrap();
    (0..200).map(|seed| link(seed).iter().map(|row| row.kilobits_per_second).collect()).collect()
}

/// Shares of the time without outages that lie below the bounds of the other states: narrow ones where links are slow, since a
/// decision turns there.
const SHARES: [f64; STATES] = [0.0, 0.03, 0.1, 0.25, 0.45, 0.65, 0.85, 1.0];

/// Bounds of the states: an outage, then these.
fn bounds(links: &[Vec<f64>]) -> [f64; STATES + 1] {
    let mut up: Vec<f64> = links.iter().flatten().copied().filter(|kilobits| OUTAGE <= *kilobits).collect();
    up.sort_by(f64::total_cmp);
    let mut bounds = [0.0; STATES + 1];
    for (state, bound) in bounds.iter_mut().enumerate().skip(1) {
        *bound = up[((up.len() - 1) as f64 * SHARES[state - 1]) as usize].round();
    }
    bounds
}

fn state(bounds: &[f64; STATES + 1], kilobits: f64) -> usize {
    bounds[1..STATES].iter().filter(|bound| **bound <= kilobits).count()
}

fn constant(name: &str, kind: &str, round_trip_us: u64) -> String {
    let links = recorded(kind);
    let bounds = bounds(&links);
    let mut counts = [[0_u64; STATES]; STATES];
    for link in &links {
        for pair in link.windows(2) {
            counts[state(&bounds, pair[0])][state(&bounds, pair[1])] += 1;
        }
    }
    let mut text = format!("/// Fitted to the {} links `{kind}-*.csv`.\n", links.len());
    writeln!(text, "pub(super) const {name}: Kind = Kind {{\n    round_trip_us: {round_trip_us},").unwrap();
    writeln!(text, "    bounds: {bounds:?},\n    steps: [").unwrap();
    for row in counts {
        let total: u64 = row.iter().sum();
        let mut parts = row.map(|count| count * PARTS / total);
        // What rounding took goes to the commonest step.
        let most = (0..STATES).max_by_key(|next| parts[*next]).unwrap();
        parts[most] += PARTS - parts.iter().sum::<u64>();
        writeln!(text, "        {parts:?},").unwrap();
    }
    text + "    ],\n};\n"
}

#[test]
fn committed_generator_is_fitted_to_the_recorded_links() {
    let fresh = format!(
        "//! Written by the test `committed_generator_is_fitted_to_the_recorded_links`.\n\nuse super::generator::Kind;\n\n{}\n{}",
        constant("FOUR_G", "4g", 20_000),
        constant("THREE_G", "3g", 100_000)
    );
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/simulate/fitted.rs");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &fresh).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap() == fresh, "run `make generate` and commit {path}");
}

/// Mean in kbit/s, share of seconds in an outage, median, deviation of the logarithm's step.
fn figures(links: &[Vec<f64>]) -> [f64; 4] {
    let mut all: Vec<f64> = links.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let out = all.iter().filter(|kilobits| **kilobits < OUTAGE).count() as f64 / all.len() as f64;
    let is_up = |pair: &&[f64]| OUTAGE <= pair[0] && OUTAGE <= pair[1];
    let steps: Vec<f64> = links
        .iter()
        .flat_map(|link| link.windows(2).filter(is_up).map(|pair| (pair[1] / pair[0]).ln().powi(2)))
        .collect();
    [mean, out, all[all.len() / 2], (steps.iter().sum::<f64>() / steps.len() as f64).sqrt()]
}

#[test]
fn generated_links_are_like_the_recorded_ones() {
    for kind in ["4g", "3g"] {
        let (recorded, generated) = (figures(&recorded(kind)), figures(&generated(kind)));
        println!("{kind}: mean, outage, median, step; recorded {recorded:.3?}, generated {generated:.3?}");
        for ((recorded, generated), tolerance) in recorded.iter().zip(&generated).zip([0.1, 0.2, 0.1, 0.3]) {
            let error = (generated - recorded).abs() / recorded;
            assert!(error < tolerance, "{kind}: {recorded} recorded, {generated} generated");
        }
    }
}
