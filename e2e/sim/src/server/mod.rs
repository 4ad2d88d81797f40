//! What stands behind a load balancer. In: jobs, faults and the time. Out: ends of jobs, and what a server says of itself.

pub mod batcher;
pub mod figures;
pub mod guarded;
pub mod sharing;

use wire::{LoadReport, Outcome};

use crate::world::query::AttemptKey;

/// A query at a server.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// Which.
    pub key: AttemptKey,
    /// Whose.
    pub client: usize,
    /// Seconds of one core at the usual speed.
    pub work: f64,
    /// When its client stops waiting. Servers know it (gRPC passes deadlines on) and do nothing for those who left.
    pub deadline: f64,
}

/// What becomes of a job that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is worked on, or waits.
    Taken,
    /// It is answered at once, with no result.
    Refused(Outcome),
    /// Nothing answers.
    Lost,
}

/// The end of a job at its server.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Which.
    pub key: AttemptKey,
    /// How.
    pub outcome: Outcome,
    /// Seconds that it waited.
    pub queue: f64,
    /// Seconds from then to its end.
    pub service: f64,
}

/// What a server says of itself, with an answer or to a probe.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// Queries inside, those that wait and those that run.
    pub in_flight: u32,
    /// Median seconds of the latest queries that met about as many others (Prequal's estimate); only to probes.
    pub latency: f32,
    /// ORCA: queries that ended per second, well or not.
    pub qps: f32,
    /// ORCA: those of them that ended badly.
    pub eps: f32,
    /// ORCA: load over what the server may use.
    pub utilization: f32,
    /// Seconds that a query which arrives at once would wait.
    pub wait: f32,
    /// 95th percentile of the seconds that a query takes after that.
    pub service_p95: f32,
}

/// A time in which a server did not work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// From when, in seconds.
    pub from: f64,
    /// To when, in seconds.
    pub to: f64,
    /// Whether it answered errors at once; otherwise it was silent.
    pub is_fast: bool,
}

/// Who asks a server for a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// It goes with an answer.
    Answer,
    /// It answers a probe.
    Probe,
}

/// A server in virtual time.
pub trait Server {
    /// A job arrives.
    fn arrive(&mut self, now: f64, job: Job) -> Arrival;

    /// The client of a job that was taken and has not ended stopped waiting.
    fn cancel(&mut self, now: f64, key: AttemptKey);

    /// When the server next does something by itself, in seconds.
    fn next(&self) -> f64;

    /// That time has come: pushes the jobs that end.
    fn act(&mut self, now: f64, ended: &mut Vec<Ended>);

    /// When its surroundings next change: contention, a crash, a restart. Asked once at the start and after each change.
    fn next_change(&mut self, now: f64) -> f64;

    /// They change.
    fn change(&mut self, now: f64);

    /// What it says of itself; nothing when it is down.
    fn report(&mut self, now: f64, carrier: Carrier) -> Option<Report>;

    /// What its sidecar tells its peers; nothing where there is none, or it is down.
    fn load(&mut self, _now: f64) -> Option<LoadReport> {
        None
    }

    /// The truth, for the oracle: seconds until a job of this size would end with so many others on their way here.
    fn expected(&self, now: f64, on_the_way: u32, work: f64) -> f64;

    /// When it did not work so far.
    fn faults(&self) -> &[Fault];
}
