//! Any server, each as likely.

use super::{Answer, Moment, Order, Policy, Verdict};

/// Uniformly random choice among so many servers.
pub struct Uniform {
    /// How many there are.
    pub servers: usize,
}

impl Policy for Uniform {
    fn start(&mut self, moment: &mut Moment<'_>) {
        let server = moment.random.below(self.servers);
        moment.order(Order::Send(server));
    }

    fn answered(&mut self, _moment: &mut Moment<'_>, _answer: &Answer) -> Verdict {
        Verdict::Final
    }
}
