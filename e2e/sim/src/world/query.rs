//! Queries and the attempts to have them answered.

use slotmap::new_key_type;
use wire::Outcome;

use crate::{
    policy::Told,
    server::{Ended, Report},
};

new_key_type! {
    /// A query.
    pub struct QueryKey;
    /// A query on its way to, at, or on its way back from a server.
    pub struct AttemptKey;
    /// A probe.
    pub struct ProbeKey;
}

/// What a client wants.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Whose it is.
    pub client: usize,
    /// When it came, in seconds.
    pub since: f64,
    /// When its client stops waiting, in seconds.
    pub deadline: f64,
    /// Seconds of one core.
    pub work: f64,
    /// Where it is now; none in between.
    pub attempt: Option<AttemptKey>,
    /// How often it was sent.
    pub sent: u32,
    /// Whether it counts: it came after the warm-up.
    pub counts: bool,
}

/// Where an attempt is.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// On its way there.
    Going,
    /// There.
    Inside,
    /// On its way back, with this.
    Returning(Ended, Option<Report>),
    /// Nobody knows.
    Lost,
}

/// One attempt.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Of which query.
    pub query: QueryKey,
    /// At which server.
    pub server: usize,
    /// When it was sent, in seconds.
    pub since: f64,
    /// Where it is.
    pub place: Place,
}

impl Attempt {
    /// The end of one that a server refused at once.
    #[must_use]
    pub fn refused(key: AttemptKey, outcome: Outcome) -> Ended {
        Ended { key, outcome, queue: 0.0, service: 0.0 }
    }
}

/// One probe, and what it brings back.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Whose it is.
    pub client: usize,
    /// Where it goes.
    pub server: usize,
    /// When it was sent, in seconds.
    pub since: f64,
    /// Whether it asks for routes, with a deadline of so many seconds.
    pub asks: Option<f64>,
    /// What the server answered.
    pub report: Option<Report>,
    /// What its sidecar said of others.
    pub routes: Vec<Told>,
}
