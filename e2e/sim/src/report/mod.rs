//! Everything that `make sim` shows. In: seeds, recorded links. Out: tables, plots, and whether what must hold does.

pub mod checks;
pub mod means;
pub mod page;
mod runs;

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::links;
use checks::{Check, Level};
use means::Means;

/// Seeds that parameters were chosen with. No figure of the report comes from them.
pub const TUNING_SEEDS: [u64; 5] = [1, 2, 3, 4, 5];

/// Seeds of the report.
pub const SEEDS: [u64; 2] = [101, 102];

/// All that was run.
pub struct Results {
    /// With these seeds.
    pub seeds: Vec<u64>,
    /// The ramp, every policy.
    pub ramp: Means,
    /// Prequal at one level with other numbers of probes: probes per query and 99th percentile.
    pub probes: Vec<(f64, f64)>,
    /// Prequal with fast and slow replicas and other quantiles between hot and cold: quantile and 99th percentile.
    pub hot: Vec<(f64, f64)>,
    /// The edge, every policy.
    pub edge: Means,
    /// Prequal at the edge with the probes that its authors give it: far more messages than the others may send.
    pub beyond: Means,
    /// 16 nodes with our admission before everybody's nodes.
    pub guarded: Means,
    /// Ours without admission, 16 nodes.
    pub bare: Means,
    /// Recorded links.
    pub links: Vec<links::Table>,
    /// The same by what is left of their bandwidth.
    pub by_bandwidth: Vec<links::Table>,
}

/// Where to find what is run and to put what came out.
#[derive(Clone, Copy, Debug)]
pub struct Paths<'a> {
    /// Folder of the pages simulation.md and decision.md, and of the plots.
    pub docs: &'a Path,
    /// The program `longshore-device`.
    pub device: &'a Path,
    /// Folder of recorded links.
    pub recordings: &'a Path,
}

/// Runs everything, prints it, writes pages and plots, and tells whether every MUST holds.
///
/// # Errors
/// When the program cannot be run or a page cannot be written.
pub fn run(paths: Paths<'_>, seeds: &[u64]) -> Result<bool> {
    let results = runs::all(paths, seeds)?;
    let checks = checks::all(&results);
    let (text, of_links) = (page::text(&results, &checks), links::tables::text(&results.links));
    println!("{text}\n{of_links}");
    for (name, svg) in page::plots(&results) {
        let path = paths.docs.join(name);
        fs::write(&path, svg).with_context(|| path.display().to_string())?;
    }
    page::write(&paths.docs.join("simulation.md"), &text)?;
    page::write(&paths.docs.join("decision.md"), &of_links)?;
    Ok(holds(&checks))
}

/// Plays recorded links alone, prints what came out, and tells whether every MUST holds.
///
/// # Errors
/// When the program cannot be run.
pub fn links(device: &Path, recordings: &Path) -> Result<bool> {
    let tables = links::play(device, recordings, &links::cases())?;
    let checks = links::promises::all(&tables);
    println!("{}\n{}", links::tables::text(&tables), page::lines(&checks));
    Ok(holds(&checks))
}

fn holds(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.level != Level::Must || check.holds)
}
