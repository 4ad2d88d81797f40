//! How long a fleet of clients takes to notice that a server fell silent, and to forget it once it is back: from when
//! queries were sent to it, over all silences together.

use crate::server::Fault;

/// The resolution, in seconds.
const STEP: f64 = 0.25;
/// Time before a silence from which the usual number of queries is taken, in seconds.
const BEFORE: f64 = 10.0;
/// Time after a silence that is looked at, in seconds. Silences that end later in a run do not count.
const AFTER: f64 = 5.0;
/// The share of the usual at which a silence is noticed.
const NOTICED: f64 = 0.1;
/// The share at which it is forgotten.
const FORGOTTEN: f64 = 0.5;

/// Seconds from the beginning of silences until a tenth of the usual queries is left; `None` when that was never so, or
/// nothing was silent.
#[must_use]
pub fn noticed(sends: &[Vec<f32>], faults: &[Vec<Fault>]) -> Option<f64> {
    let all = Silence::all(sends, faults);
    let lasts = all.iter().map(|silence| silence.to - silence.from).reduce(f64::min)?;
    first(lasts, |after| share(&all, |silence| silence.from + after) <= NOTICED)
}

/// Seconds from the end of silences until half of the usual queries comes again, 0 where nothing was silent; `None` when it
/// takes longer than is looked.
#[must_use]
pub fn forgotten(sends: &[Vec<f32>], faults: &[Vec<Fault>]) -> Option<f64> {
    let all = Silence::all(sends, faults);
    first(AFTER, |after| all.is_empty() || share(&all, |silence| silence.to + after) >= FORGOTTEN)
}

fn first(until: f64, holds: impl Fn(f64) -> bool) -> Option<f64> {
    let steps = (until / STEP) as u32;
    (0..steps).map(|step| f64::from(step) * STEP).find(|after| holds(*after))
}

/// Queries in the step from a time in each silence, over the usual.
fn share(all: &[Silence<'_>], at: impl Fn(&Silence<'_>) -> f64) -> f64 {
    let (mut seen, mut usual) = (0.0, 0.0);
    for silence in all {
        let at = at(silence);
        seen += silence.sent(at, at + STEP);
        usual += silence.sent(silence.from - BEFORE, silence.from) * STEP / BEFORE;
    }
    seen / usual
}

/// A silence with enough time before and after it.
struct Silence<'a> {
    from: f64,
    to: f64,
    sends: &'a [f32],
}

impl<'a> Silence<'a> {
    fn all(sends: &'a [Vec<f32>], faults: &[Vec<Fault>]) -> Vec<Self> {
        let last = sends.iter().filter_map(|sends| sends.last()).fold(0.0, |a, b| f64::max(a, f64::from(*b)));
        let counts = |fault: &&Fault| !fault.is_fast && BEFORE <= fault.from && fault.to + AFTER <= last;
        let of_server = |(sends, faults): (&'a Vec<f32>, &Vec<Fault>)| {
            let silence = |fault: &Fault| Self { from: fault.from, to: fault.to, sends };
            faults.iter().filter(counts).map(silence).collect::<Vec<_>>()
        };
        sends.iter().zip(faults).flat_map(of_server).collect()
    }

    /// Queries sent from one time to another.
    fn sent(&self, from: f64, to: f64) -> f64 {
        let before = |time: f64| self.sends.partition_point(|at| f64::from(*at) < time);
        before(to).saturating_sub(before(from)) as f64
    }
}
