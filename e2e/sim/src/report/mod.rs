//! Everything that `make sim` shows. In: seeds. Out: tables, plots, and whether what must hold does.

pub mod checks;
pub mod means;
pub mod page;
mod runs;

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use checks::Level;
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
}

/// Runs everything, prints it, writes page and plots into `docs`, and tells whether every MUST holds.
///
/// # Errors
/// When the page cannot be written.
pub fn run(docs: &Path, seeds: &[u64]) -> Result<bool> {
    let results = runs::all(seeds);
    let checks = checks::all(&results);
    let text = page::text(&results, &checks);
    println!("{text}");
    for (name, svg) in page::plots(&results) {
        let path = docs.join(name);
        fs::write(&path, svg).with_context(|| path.display().to_string())?;
    }
    page::write(&docs.join("simulation.md"), &text)?;
    Ok(checks.iter().all(|check| check.level != Level::Must || check.holds))
}
