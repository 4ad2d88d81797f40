//! A link as it was recorded: for each stretch of time a bandwidth and a round trip. After its end it begins again.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::generator;
use crate::cli::dice::Dice;

/// One link.
pub(super) struct Trace {
    pub(super) name: String,
    stretches: Vec<Stretch>,
}

/// A stretch of time in which nothing changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    /// Its end, in microseconds since the beginning of the trace.
    pub(super) end_us: u64,
    /// Uplink, in kbit/s; 0 is an outage.
    pub(super) kilobits_per_second: f64,
    /// Round trip of a packet that meets no queue, in microseconds.
    pub(super) round_trip_us: u64,
}

impl Trace {
    /// The trace of an argument: a file, or `generated:NAME`.
    pub(super) fn open(argument: &str, bandwidth_percent: f64, seed: u64) -> Result<Self> {
        let mut trace = match argument.strip_prefix("generated:") {
            Some(kind) => Self::new(argument, generator::stretches(kind, Dice::new(seed))?)?,
            None => Self::read(Path::new(argument))?,
        };
        for stretch in &mut trace.stretches {
            stretch.kilobits_per_second *= bandwidth_percent / 100.0;
        }
        Ok(trace)
    }

    fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("failed to read trace {shown}"))?;
        let mut lines = text.lines();
        let heading = lines.next().unwrap_or_default();
        ensure!(
            heading.trim() == "duration_ms,bandwidth_kbps,latency_ms",
            "trace {shown} must begin with the line duration_ms,bandwidth_kbps,latency_ms"
        );
        let mut rows = Vec::new();
        for (number, line) in (2..).zip(lines).filter(|(_, line)| !line.trim().is_empty()) {
            rows.push(row(line).with_context(|| {
                format!("line {number} of trace {shown} must be three numbers, none negative")
            })?);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::new(&name, rows)
    }

    /// From rows of duration, kbit/s and round trip.
    pub(super) fn new(name: &str, rows: Vec<Row>) -> Result<Self> {
        let mut end_us = 0;
        let mut stretches = Vec::with_capacity(rows.len());
        for Row { duration_us, kilobits_per_second, round_trip_us } in rows {
            end_us += duration_us;
            stretches.push(Stretch { end_us, kilobits_per_second, round_trip_us });
        }
        let moves = |stretch: &Stretch| 0.0 < stretch.kilobits_per_second;
        ensure!(stretches.iter().any(moves), "trace {name} never has any bandwidth");
        stretches.dedup_by_key(|stretch| stretch.end_us);
        Ok(Self { name: name.into(), stretches })
    }

    pub(super) fn duration_us(&self) -> u64 {
        self.stretches.last().map_or(1, |last| last.end_us)
    }

    /// What holds at a time, and until when.
    pub(super) fn at(&self, at_us: u64) -> Stretch {
        let round = at_us / self.duration_us() * self.duration_us();
        let index = self.stretches.partition_point(|stretch| stretch.end_us <= at_us - round);
        let stretch = self.stretches[index];
        Stretch { end_us: round + stretch.end_us, ..stretch }
    }

    /// When the last of `bits` has left, if they may use the whole link from `from_us` on.
    pub(super) fn sent_at(&self, from_us: u64, bits: f64) -> u64 {
        let (mut at_us, mut left) = (from_us, bits);
        loop {
            let stretch = self.at(at_us);
            let bits_per_us = stretch.kilobits_per_second / 1_000.0;
            let capacity = bits_per_us * (stretch.end_us - at_us) as f64;
            if left <= capacity {
                return at_us + (left / bits_per_us.max(f64::MIN_POSITIVE)).ceil() as u64;
            }
            left -= capacity;
            at_us = stretch.end_us;
        }
    }

    /// The first time from `from_us` on at which a packet passes.
    pub(super) fn up_at(&self, from_us: u64) -> u64 {
        let mut at_us = from_us;
        loop {
            let stretch = self.at(at_us);
            if 0.0 < stretch.kilobits_per_second {
                return at_us;
            }
            at_us = stretch.end_us;
        }
    }

    /// The stretches between two times, each with its length in microseconds.
    pub(super) fn between(&self, from_us: u64, to_us: u64) -> impl Iterator<Item = (u64, Stretch)> {
        let mut at_us = from_us;
        std::iter::from_fn(move || {
            let stretch = (at_us < to_us).then(|| self.at(at_us))?;
            let end_us = stretch.end_us.min(to_us);
            let length_us = end_us - at_us;
            at_us = end_us;
            Some((length_us, stretch))
        })
    }

    /// Mean bandwidth between two times, in kbit/s.
    pub(super) fn mean_kilobits_per_second(&self, from_us: u64, to_us: u64) -> f64 {
        let kilobits = |(us, stretch): (u64, Stretch)| us as f64 * stretch.kilobits_per_second;
        self.between(from_us, to_us).map(kilobits).sum::<f64>() / to_us.saturating_sub(from_us).max(1) as f64
    }
}

/// One row of a trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) duration_us: u64,
    pub(super) kilobits_per_second: f64,
    pub(super) round_trip_us: u64,
}

fn row(line: &str) -> Option<Row> {
    let mut numbers = line.split(',').map(|field| field.trim().parse::<f64>().ok().filter(|n| 0.0 <= *n));
    let mut next = || numbers.next().flatten().filter(|number| number.is_finite());
    let (duration_ms, kilobits_per_second, round_trip_ms) = (next()?, next()?, next()?);
    let micros = |milliseconds: f64| (milliseconds * 1_000.0).round() as u64;
    Some(Row { duration_us: micros(duration_ms), kilobits_per_second, round_trip_us: micros(round_trip_ms) })
}
