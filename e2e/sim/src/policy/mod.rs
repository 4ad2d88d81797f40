//! What chooses a server. A policy stands at one client and learns what a real client learns: its own answers with what
//! servers wrote on them, answers to its probes after the network's delay, its own time. Nothing else reaches it.

pub mod c3;
pub mod catalogue;
pub mod longshore;
pub mod p2c;
pub mod pool;
pub mod random;
pub mod wrr;

use wire::Outcome;

use crate::{random::Random, server::Report, world::query::QueryKey};

/// What a policy orders.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// Send the query to this server.
    Send(usize),
    /// Ask this server for a report: a control message.
    Probe(usize),
    /// Ask the sidecar of this server for a report and for routes: a control message too.
    Ask(usize),
    /// Call [`Policy::woken`] at this time, in seconds; the latest such order of a query counts.
    Wake(f64),
    /// Give up what was sent to this server.
    Cancel(usize),
    /// The query ends without a result.
    Fail,
}

/// A moment in the life of one query, as its client sees it.
pub struct Moment<'a> {
    /// Seconds since the start.
    pub now: f64,
    /// The query.
    pub query: QueryKey,
    /// When the client stops waiting, in seconds since the start.
    pub deadline: f64,
    /// Random numbers for the policy.
    pub random: &'a mut Random,
    /// Where orders go.
    pub orders: &'a mut Vec<Order>,
}

impl Moment<'_> {
    /// Orders something.
    pub fn order(&mut self, order: Order) {
        self.orders.push(order);
    }
}

/// The end of what was sent to a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Which server.
    pub server: usize,
    /// How it ended; `Expired` also when nothing had come by the deadline.
    pub outcome: Outcome,
    /// Seconds since it was sent.
    pub total: f64,
    /// Of these, waiting at the server, as it says.
    pub queue: f64,
    /// Of these, in work at the server, as it says.
    pub service: f64,
    /// What the server says of itself, unless that was lost.
    pub report: Option<Report>,
}

/// What the sidecar of one server says of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// Of which.
    pub server: usize,
    /// Seconds since that was true.
    pub age: f64,
    /// Seconds that a query would wait there.
    pub wait: f32,
    /// 95th percentile of the seconds that it takes after that.
    pub service_p95: f32,
}

/// Whether an answer ends its query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does, whatever it is.
    Final,
    /// The policy ordered something else.
    Open,
}

/// A client's choice of servers.
pub trait Policy {
    /// A query comes: orders that it is sent.
    fn start(&mut self, moment: &mut Moment<'_>);

    /// Something came back, or the deadline passed (`Expired`, with no report).
    fn answered(&mut self, moment: &mut Moment<'_>, answer: &Answer) -> Verdict;

    /// A probe came back; without a report when it got no answer.
    fn probed(&mut self, _now: f64, _server: usize, _round_trip: f64, _report: Option<&Report>) {}

    /// Routes came back, best first.
    fn routed(&mut self, _now: f64, _routes: &[Told]) {}

    /// The time of an [`Order::Wake`] has come.
    fn woken(&mut self, _moment: &mut Moment<'_>) {}
}
