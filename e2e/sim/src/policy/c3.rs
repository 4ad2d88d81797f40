//! C3 (Suresh et al., NSDI'15): the server with the lowest score, from the client's own response times and what servers
//! write on their answers. Its rate control, which holds queries back at the client, is left out, as in NSDI'24, table of
//! nine rules.

use super::{Answer, Moment, Order, Policy, Verdict};
use crate::server::Report;

/// Weight of a new sample in each mean (the authors' `ScoreTracker`).
const ALPHA: f64 = 0.9;

/// What C3 keeps of one server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    response: f64,
    service: f64,
    queue: f64,
    is_known: bool,
    outstanding: u32,
}

impl Score {
    /// `R - 1/mu + q^3/mu` with `q = 1 + outstanding * clients + queue` (section 3.1): the server's estimated queue counts
    /// in its third power.
    #[must_use]
    pub fn value(&self, clients: f64) -> f64 {
        let queue = 1.0 + f64::from(self.outstanding) * clients + self.queue;
        self.response - self.service + queue * queue * queue * self.service
    }

    /// One query more is there.
    pub fn sent(&mut self) {
        self.outstanding += 1;
    }

    /// One query less.
    pub fn answered(&mut self, answer: &Answer) {
        self.outstanding -= 1;
        self.response = self.mean(self.response, answer.total);
        if let Some(report) = &answer.report {
            self.service = self.mean(self.service, answer.service);
            self.queued(report);
        }
        self.is_known = true;
    }

    /// A server told its queue.
    pub fn queued(&mut self, report: &Report) {
        self.queue = self.mean(self.queue, f64::from(report.in_flight));
    }

    fn mean(&self, old: f64, sample: f64) -> f64 {
        if self.is_known { (1.0 - ALPHA) * old + ALPHA * sample } else { sample }
    }
}

/// C3 over some servers.
pub struct C3 {
    clients: f64,
    servers: Vec<Score>,
}

impl C3 {
    /// Over so many servers, as one of so many clients.
    #[must_use]
    pub fn new(servers: usize, clients: usize) -> Self {
        Self { clients: clients as f64, servers: vec![Score::default(); servers] }
    }
}

impl Policy for C3 {
    fn start(&mut self, moment: &mut Moment<'_>) {
        // From a random one on, so that equals (at the start all) are not met in one order by all clients.
        let count = self.servers.len();
        let from = moment.random.below(count);
        let mut best = (f64::INFINITY, from);
        for server in (from..count).chain(0..from) {
            let value = self.servers[server].value(self.clients);
            if value < best.0 {
                best = (value, server);
            }
        }
        self.servers[best.1].sent();
        moment.order(Order::Send(best.1));
    }

    fn answered(&mut self, _moment: &mut Moment<'_>, answer: &Answer) -> Verdict {
        self.servers[answer.server].answered(answer);
        Verdict::Final
    }
}
