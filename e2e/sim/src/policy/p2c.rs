//! Power of two choices by peak EWMA, as Finagle made it and tower 0.5 and Linkerd have it: the client's own measure of
//! each server's time, which rises at once and falls slowly, times its own queries there.

use super::{Answer, Moment, Order, Policy, Verdict};

/// Time constant of the fall, in seconds (Linkerd's).
const DECAY_SECONDS: f64 = 10.0;
/// Assumed before the first answer, in seconds (Linkerd's).
const UNKNOWN_SECONDS: f64 = 0.03;

/// Peak EWMA over some servers.
pub struct PeakEwma {
    servers: Vec<Peak>,
}

#[derive(Clone, Copy)]
struct Peak {
    seconds: f64,
    at: f64,
    pending: u32,
}

impl PeakEwma {
    /// Over so many servers, none of which has answered.
    #[must_use]
    pub fn new(servers: usize) -> Self {
        Self { servers: vec![Peak { seconds: UNKNOWN_SECONDS, at: 0.0, pending: 0 }; servers] }
    }
}

impl Peak {
    fn decay(&self, now: f64) -> f64 {
        (-(now - self.at) / DECAY_SECONDS).exp()
    }

    fn cost(&self, now: f64) -> f64 {
        self.seconds * self.decay(now) * f64::from(self.pending + 1)
    }

    fn learn(&mut self, now: f64, seconds: f64) {
        self.seconds = if seconds > self.seconds {
            seconds
        } else {
            let kept = self.decay(now);
            self.seconds * kept + seconds * (1.0 - kept)
        };
        self.at = now;
    }
}

impl Policy for PeakEwma {
    fn start(&mut self, moment: &mut Moment<'_>) {
        let count = self.servers.len();
        let first = moment.random.below(count);
        let second = (first + 1 + moment.random.below((count - 1).max(1))) % count;
        let cost = |server: usize| self.servers[server].cost(moment.now);
        let server = if cost(second) < cost(first) { second } else { first };
        self.servers[server].pending += 1;
        moment.order(Order::Send(server));
    }

    /// Whatever the end is, it counts by its time: failures and those given up as well, as in tower, where the measure is
    /// taken when the handle of the query is dropped.
    fn answered(&mut self, moment: &mut Moment<'_>, answer: &Answer) -> Verdict {
        let server = &mut self.servers[answer.server];
        server.pending -= 1;
        server.learn(moment.now, answer.total);
        Verdict::Final
    }
}
