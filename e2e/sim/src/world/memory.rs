//! How long a fleet of clients takes to notice that a server fell silent, and to forget it once it is back: from when
//! queries were sent to it, over all silences together.

use crate::server::Fault;

/// The resolution, in seconds.
const STEP: f64 = 0.25;
/// Time before a silence from which the usual number of queries is taken, in seconds.
const BEFORE: f64 = 10.0;
/// How far back and forth is looked, in seconds.
const HORIZON: f64 = 30.0;
/// The share of the usual at which a silence is noticed.
const NOTICED: f64 = 0.1;
/// The share at which it is forgotten.
const FORGOTTEN: f64 = 0.5;

/// Seconds from the beginning of silences until a tenth of the usual queries is left.
#[must_use]
pub fn noticed(sends: &[Vec<f32>], faults: &[Vec<Fault>]) -> Option<f64> {
    let lasts = silences(sends, faults).map(|(_, fault)| fault.to - fault.from).fold(f64::INFINITY, f64::min);
    first(lasts.min(HORIZON), |after| share(sends, faults, |fault| fault.from + after) <= NOTICED)
}

/// Seconds from the end of silences until half of the usual queries comes again.
#[must_use]
pub fn forgotten(sends: &[Vec<f32>], faults: &[Vec<Fault>]) -> Option<f64> {
    first(HORIZON, |after| share(sends, faults, |fault| fault.to + after) >= FORGOTTEN)
}

fn first(until: f64, holds: impl Fn(f64) -> bool) -> Option<f64> {
    let steps = (until / STEP) as u32;
    (0..steps).map(|step| f64::from(step) * STEP).find(|after| holds(*after))
}

/// Queries in the step from a time in each fault, over the usual.
fn share(sends: &[Vec<f32>], faults: &[Vec<Fault>], at: impl Fn(&Fault) -> f64) -> f64 {
    let (mut seen, mut usual) = (0.0, 0.0);
    for (sends, fault) in silences(sends, faults) {
        let at = at(fault);
        seen += between(sends, at, at + STEP);
        usual += between(sends, fault.from - BEFORE, fault.from) * STEP / BEFORE;
    }
    seen / usual
}

/// Silences that have enough time before them, with what was sent to their servers.
fn silences<'a>(
    sends: &'a [Vec<f32>],
    faults: &'a [Vec<Fault>],
) -> impl Iterator<Item = (&'a [f32], &'a Fault)> {
    let of_server = |(sends, faults): (&'a Vec<f32>, &'a Vec<Fault>)| {
        faults.iter().filter(|fault| !fault.is_fast && BEFORE <= fault.from).map(|fault| (&sends[..], fault))
    };
    sends.iter().zip(faults).flat_map(of_server)
}

fn between(sends: &[f32], from: f64, to: f64) -> f64 {
    let before = |time: f64| sends.partition_point(|at| f64::from(*at) < time);
    before(to).saturating_sub(before(from)) as f64
}
