//! One device on recorded links. In: the program `longshore-device`, which plays them through the decision as it ships, and
//! the recordings. Out: what each policy came to.

pub mod promises;
pub mod tables;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::pool_of_threads;

/// Whoever decides, by the words of the program.
pub const POLICIES: [&str; 8] =
    ["always-local", "always-offload", "ewma", "harmonic", "neurosurgeon", "race-both", "oracle", OURS];

/// The decision as it ships.
pub const OURS: &str = "longshore";

/// Which links, and which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Every other link in the order of their names: those that the decision was tuned on.
    Tuning,
    /// The others, which no tuning saw.
    Unseen,
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Which of the links.
    pub part: Part,
    /// How the names of their files begin.
    pub kind: &'static str,
    /// What is left of their bandwidth, in percent.
    pub percent: u32,
    /// Length of a request body, in bytes.
    pub bytes: u32,
    /// A run on the device, in milliseconds.
    pub local_ms: u32,
    /// Time for an answer, in milliseconds.
    pub deadline_ms: u32,
}

/// What a policy came to on all links of a case.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Requests.
    pub requests: u64,
    /// Those without an answer in time, in percent.
    pub miss_percent: f64,
    /// Mean time to the answer, in milliseconds.
    pub mean: f64,
    /// 99th percentile of it, in milliseconds.
    pub p99: f64,
    /// Energy of all requests.
    pub joules: f64,
    /// Requests that the edge answered.
    pub offloaded: u64,
    /// Mean over the oracle's mean, less 1.
    pub regret: f64,
    /// Requests sent.
    pub sends: u64,
    /// Requests that were begun on the device and at the edge.
    pub both: u64,
    /// Each link.
    pub traces: Vec<OfTrace>,
}

/// What it came to on one link.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfTrace {
    /// File name of the link.
    pub trace: String,
    /// Requests without an answer in time, in percent.
    pub miss_percent: f64,
}

/// A case under every policy.
#[derive(Clone, Debug)]
pub struct Table {
    /// The setting.
    pub case: Case,
    /// In the order of [`POLICIES`].
    pub rows: Vec<Summary>,
}

/// The cases that promises are judged by.
#[must_use]
pub fn cases() -> Vec<Case> {
    let settings = [(40_000, 150, 150), (40_000, 150, 300), (100_000, 150, 300)];
    let links = [("4g", 100), ("4g", 25), ("3g", 100)];
    let case = |part, (bytes, local_ms, deadline_ms), (kind, percent)| Case {
        part,
        kind,
        percent,
        bytes,
        local_ms,
        deadline_ms,
    };
    let parts = [Part::Tuning, Part::Unseen].into_iter();
    let set = parts.flat_map(|part| settings.map(|setting| (part, setting)));
    set.flat_map(|(part, setting)| links.map(|link| case(part, setting, link))).collect()
}

/// The cases of the plot: one setting on links that no tuning saw, by what is left of their bandwidth.
#[must_use]
pub fn sweep() -> Vec<Case> {
    let case = |percent| Case {
        part: Part::Unseen,
        kind: "4g",
        percent,
        bytes: 100_000,
        local_ms: 150,
        deadline_ms: 300,
    };
    [10, 25, 50, 75, 100, 150, 200].map(case).to_vec()
}

/// Plays every case under every policy.
///
/// # Errors
/// When recordings or program cannot be found, or the program fails.
pub fn play(device: &Path, recordings: &Path, cases: &[Case]) -> Result<Vec<Table>> {
    let runs: Vec<(Case, &str)> =
        cases.iter().flat_map(|case| POLICIES.map(|policy| (*case, policy))).collect();
    let played = pool_of_threads::map(&runs, |(case, policy)| case.play(device, recordings, policy));
    let rows = played.into_iter().collect::<Result<Vec<Summary>>>()?;
    let table = |(case, rows): (&Case, &[Summary])| Table { case: *case, rows: rows.to_vec() };
    Ok(cases.iter().zip(rows.chunks(POLICIES.len())).map(table).collect())
}

impl Part {
    /// As in the tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tuning => "tuning",
            Self::Unseen => "unseen",
        }
    }

    const fn seed(self) -> u32 {
        match self {
            Self::Tuning => 1,
            Self::Unseen => 2,
        }
    }
}

impl Case {
    /// Time beyond a run on the device, in milliseconds.
    #[must_use]
    pub const fn slack_ms(&self) -> u32 {
        self.deadline_ms - self.local_ms
    }

    fn play(&self, device: &Path, recordings: &Path, policy: &str) -> Result<Summary> {
        let Self { percent, bytes, local_ms, deadline_ms, .. } = self;
        let options = [
            format!("--seed={}", self.part.seed()),
            format!("--bandwidth-percent={percent}"),
            format!("--input-bytes={bytes}"),
            format!("--local-ms={local_ms}"),
            format!("--deadline-ms={deadline_ms}"),
            format!("--policy={policy}"),
        ];
        let traces = self.traces(recordings)?;
        let traces = traces.iter().map(|trace| format!("--trace={}", trace.display()));
        let mut command = Command::new(device);
        command.args(["simulate", "--per-trace"]).args(traces).args(options);
        let output = command.output().with_context(|| format!("run {}", device.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}: {said}", device.display(), output.status);
        serde_json::from_slice(&output.stdout).context("read what the program printed")
    }

    /// Every other recording of the kind.
    ///
    /// # Errors
    /// When there are none.
    pub fn traces(&self, recordings: &Path) -> Result<Vec<PathBuf>> {
        let folder = fs::read_dir(recordings).with_context(|| recordings.display().to_string())?;
        let all = folder.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
        let is_ours = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(self.kind) && name.ends_with(".csv")
        };
        let mut ours: Vec<PathBuf> = all.into_iter().filter(is_ours).collect();
        ours.sort_unstable();
        let skipped = usize::from(self.part == Part::Unseen);
        let chosen: Vec<PathBuf> = ours.into_iter().skip(skipped).step_by(2).collect();
        ensure!(!chosen.is_empty(), "{} has no {}-*.csv", recordings.display(), self.kind);
        Ok(chosen)
    }
}

impl Table {
    /// The row of a policy.
    ///
    /// # Panics
    /// When it is none of [`POLICIES`].
    #[must_use]
    pub fn of(&self, policy: &str) -> &Summary {
        let place = POLICIES.iter().position(|known| *known == policy);
        &self.rows[place.expect("only known policies are asked for")]
    }
}
