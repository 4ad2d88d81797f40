//! What the sidecar should reach. In: the values of all measures. Out: for each target, what was measured and whether that
//! meets it.

use e2e::stats::{Estimate, estimate, ratio};

use crate::{
    attack::Attack,
    measure::{Measure, Values},
    proxy::{
        Arm, ENVOY, ENVOY_GRPC, HAPROXY, HAPROXY_SPLICE, NGINX, NGINX_UNBUFFERED, SIDECAR, SIDECAR_GRPC,
        SIDECAR_UNIX,
    },
};

/// How much is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Must,
    Goal,
}

/// At most so much.
#[derive(Clone, Copy)]
pub enum Limit {
    /// In the measure's unit.
    Amount(f64),
    /// Of what the best of some arms takes.
    Share(f64, &'static [Arm]),
}

/// One line of what should be reached.
pub struct Target {
    pub level: Level,
    /// Of which measure.
    pub key: &'static str,
    pub arm: Arm,
    pub limit: Limit,
}

/// A target with what was measured for it.
pub struct Reached<'a> {
    pub target: &'a Target,
    pub measure: &'a Measure,
    /// Which of the arms of the limit was the best.
    pub against: Option<Arm>,
    pub estimate: Estimate,
}

const BEST_NGINX: &[Arm] = &[NGINX, NGINX_UNBUFFERED];
const BODY_PEERS: &[Arm] = &[HAPROXY, HAPROXY_SPLICE, NGINX, NGINX_UNBUFFERED, ENVOY];

/// All targets, in the order of the page.
pub const TARGETS: &[Target] = {
    use Level::{Goal, Must};
    use Limit::{Amount, Share};
    const fn new(level: Level, key: &'static str, arm: Arm, limit: Limit) -> Target {
        Target { level, key, arm, limit }
    }
    &[
        new(Must, "small", SIDECAR, Share(0.5, &[ENVOY])),
        new(Goal, "small", SIDECAR, Share(0.3, &[ENVOY])),
        new(Goal, "small", SIDECAR, Share(1.0, &[HAPROXY])),
        new(Goal, "small", SIDECAR_UNIX, Share(0.7, &[HAPROXY])),
        new(Must, "added", SIDECAR, Share(0.6, &[ENVOY])),
        new(Goal, "added", SIDECAR, Share(1.0, BEST_NGINX)),
        new(Must, "body", SIDECAR, Share(1.0, BODY_PEERS)),
        new(Goal, "body", SIDECAR, Share(0.55, BODY_PEERS)),
        new(Goal, "grpc", SIDECAR_GRPC, Share(0.25, &[ENVOY_GRPC])),
        new(Must, "honest", SIDECAR.under(Attack::HalfHeads), Share(1.2, &[SIDECAR])),
        new(Must, "honest", SIDECAR.under(Attack::Connections), Share(1.2, &[SIDECAR])),
        new(Must, "honest", SIDECAR.under(Attack::HeaderBombs), Share(1.2, &[SIDECAR])),
        new(Must, "honest", SIDECAR.under(Attack::SlowBodies), Share(1.2, &[SIDECAR])),
        new(Must, "honest", SIDECAR.under(Attack::Resets), Share(1.2, &[SIDECAR])),
        new(Must, "lost-2", SIDECAR, Amount(5.0)),
        new(Must, "late-2", SIDECAR, Amount(0.3)),
        new(Must, "without-2", SIDECAR, Amount(0.5)),
        new(Must, "lost-4", SIDECAR, Amount(5.0)),
        new(Must, "late-4", SIDECAR, Amount(0.3)),
        new(Must, "without-4", SIDECAR, Amount(0.5)),
        new(Must, "idle", SIDECAR, Share(1.0, &[NGINX])),
        new(Goal, "idle", SIDECAR, Share(0.6, &[NGINX])),
        new(Must, "connection", SIDECAR, Amount(16.0)),
        new(Goal, "connection", SIDECAR, Amount(8.0)),
        new(Must, "slow-server", SIDECAR, Amount(4.0)),
        new(Must, "slow-clients", SIDECAR, Amount(4.0)),
    ]
};

/// What was measured for each target whose measure is among these.
pub fn reached(measures: &[Measure]) -> Vec<Reached<'_>> {
    let of = |target: &'static Target| {
        let measure = measures.iter().find(|measure| measure.key == target.key)?;
        let ours = measure.values(target.arm)?;
        let (against, estimate) = match target.limit {
            Limit::Amount(_) => (None, estimate(&ours.rounds)),
            Limit::Share(_, arms) => {
                let best = measure.best(arms)?;
                (Some(best.arm), ratio(&ours.rounds, &best.rounds))
            }
        };
        Some(Reached { target, measure, against, estimate })
    };
    TARGETS.iter().filter_map(of).collect()
}

impl Measure {
    /// The values of an arm.
    pub fn values(&self, arm: Arm) -> Option<&Values> {
        self.arms.iter().find(|values| values.arm == arm)
    }

    /// The arm with the lowest median among some.
    fn best(&self, arms: &[Arm]) -> Option<&Values> {
        let median = |values: &&Values| estimate(&values.rounds).median;
        let among = self.arms.iter().filter(|values| arms.contains(&values.arm));
        among.min_by(|one, other| median(one).total_cmp(&median(other)))
    }
}

impl Level {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Goal => "GOAL",
        }
    }
}

impl Limit {
    pub const fn number(self) -> f64 {
        match self {
            Self::Amount(amount) => amount,
            Self::Share(share, _) => share,
        }
    }
}

impl Reached<'_> {
    /// The verdict, by the median; where the interval holds the limit, another run may say otherwise.
    pub fn verdict(&self) -> &'static str {
        let (limit, Estimate { median, low, high }) = (self.target.limit.number(), self.estimate);
        let is_sure = high <= limit || limit < low;
        match (median <= limit, is_sure) {
            (true, true) => "met",
            (true, false) => "met, within the interval",
            (false, true) => "not met",
            (false, false) => "not met, within the interval",
        }
    }
}
