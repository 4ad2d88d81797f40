//! Whether a request may come in: pure. In: the request, the queue and what the last requests cost. Out: admit, wait or
//! refuse. Refusing at arrival is what keeps an overloaded server useful: the device still has time to run the model
//! itself.

use std::time::{Duration, Instant};

use wire::Outcome;

/// With nobody inside, a measurement older than this is a rumour: one request is let in to renew it. Without that an
/// endpoint that was slow for a moment would refuse for ever.
const RUMOUR_AGE: Duration = Duration::from_secs(1);

/// A wait can become longer than predicted: others with earlier deadlines come, and the next requests are not the last.
/// With this, three answers in a thousand at most are late at four times the capacity (`simulation.rs`).
const CAUTION: f64 = 1.2;

/// Everything that the decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// When the decision is made.
    pub now: Instant,
    /// When the device stops waiting.
    pub deadline: Instant,
    /// Declared length of the body.
    pub payload_bytes: Option<u64>,
    /// Longest body that is taken.
    pub payload_bytes_max: u64,
    /// Requests inside the server.
    pub running: u32,
    /// How many may be.
    pub concurrency: u32,
    /// Requests that wait.
    pub queued: u32,
    /// How many of them go first.
    pub ahead: u32,
    /// Whether no place is left.
    pub is_full: bool,
    /// How far the device is over its share, in doublings.
    pub excess: u32,
    /// What is left of the work inside the server, summed.
    pub work_left: Duration,
    /// Cost of the last requests.
    pub measured: Option<Measured>,
    /// How the body comes in, once that is measured.
    pub arrival: Option<Arrival>,
}

/// Cost of the last requests.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// How long a slot is taken.
    pub mean: Duration,
    /// Time until the answer begins.
    pub p95: Duration,
    /// When the last of them was measured.
    pub at: Instant,
}

/// A body on its way in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// What came.
    pub bytes: u64,
    /// Over which time.
    pub over: Duration,
    /// What is still to come.
    pub bytes_left: u64,
}

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A slot is free.
    Admit,
    /// It may wait for a slot.
    Wait,
    /// It would not end well.
    Refuse(Outcome),
}

type Check = fn(&Situation) -> Option<Verdict>;

/// The first answer wins.
const CHECKS: &[Check] =
    &[payload_too_large, deadline_passed, too_late, slot_is_free, queue_full, queue_full_for_it];

/// Decides, and says how long a request that arrives at once would wait.
pub fn decide(situation: &Situation) -> (Verdict, Duration) {
    let verdict = CHECKS.iter().find_map(|check| check(situation)).unwrap_or(Verdict::Wait);
    (verdict, wait(situation))
}

/// Work ahead over measured throughput; nothing where a slot is free or nothing is known.
pub fn wait(situation: &Situation) -> Duration {
    let Some(measured) = situation.measured.filter(|_| !has_slot(situation)) else {
        return Duration::ZERO;
    };
    (situation.work_left + measured.mean * situation.ahead) / situation.concurrency.max(1)
}

/// Time until an answer begins; nothing where nothing is known.
fn service(situation: &Situation) -> Duration {
    let is_rumour = |at| situation.now > at + RUMOUR_AGE && situation.running == 0 && situation.queued == 0;
    let measured = situation.measured.filter(|measured| !is_rumour(measured.at));
    measured.map_or(Duration::ZERO, |measured| measured.p95)
}

/// Time for the rest of the body at the speed of what came. Connections start slowly and then double their speed, so this
/// counts by the square of the share that was measured of the whole time: what is hopeless is told early, what is
/// doubtful late.
fn upload(situation: &Situation) -> Duration {
    let Some(arrival) = situation.arrival else { return Duration::ZERO };
    let over = arrival.over.as_secs_f64();
    let rest = over * arrival.bytes_left as f64 / arrival.bytes as f64;
    let share = over / (over + left(situation).as_secs_f64());
    Duration::try_from_secs_f64(rest * share * share).unwrap_or(Duration::MAX)
}

fn left(situation: &Situation) -> Duration {
    situation.deadline.saturating_duration_since(situation.now)
}

fn has_slot(situation: &Situation) -> bool {
    situation.running < situation.concurrency && situation.queued == 0
}

fn payload_too_large(situation: &Situation) -> Option<Verdict> {
    let too_large = situation.payload_bytes.is_some_and(|bytes| bytes > situation.payload_bytes_max);
    too_large.then_some(Verdict::Refuse(Outcome::PayloadTooLarge))
}

fn deadline_passed(situation: &Situation) -> Option<Verdict> {
    (situation.deadline <= situation.now).then_some(Verdict::Refuse(Outcome::Expired))
}

fn too_late(situation: &Situation) -> Option<Verdict> {
    let needed =
        upload(situation).saturating_add(wait(situation).mul_f64(CAUTION)).saturating_add(service(situation));
    (needed > left(situation)).then_some(Verdict::Refuse(Outcome::TooLate))
}

fn slot_is_free(situation: &Situation) -> Option<Verdict> {
    has_slot(situation).then_some(Verdict::Admit)
}

fn queue_full(situation: &Situation) -> Option<Verdict> {
    situation.is_full.then_some(Verdict::Refuse(Outcome::QueueFull))
}

/// Whoever is over its share may wait for half as long as others, and with each doubling for half as long again. So there
/// is room left for those who are not, and what was let in is served.
fn queue_full_for_it(situation: &Situation) -> Option<Verdict> {
    let longest = left(situation).saturating_sub(service(situation)) / (1 << situation.excess);
    (wait(situation) > longest).then_some(Verdict::Refuse(Outcome::QueueFull))
}

#[cfg(test)]
mod tests;
