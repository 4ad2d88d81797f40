use longshore_sim::{edge, policy::catalogue::Name, ramp};

use crate::short;

/// What chance may give to whoever knows less.
const NOISE: f64 = 1.03;

#[test]
fn nobody_beats_whoever_knows_everything() {
    for load in [0.93, 1.74] {
        let p99 = |policy| ramp::run(&short::ramp(), load, policy, 7).figures().p99;
        let oracle = p99(Name::Oracle);
        for policy in Name::ALL {
            assert!(oracle <= p99(policy) * NOISE, "{} at {load}", policy.word());
        }
    }
}

/// Nodes answer most requests under the oracle; with room enough, soonest too.
#[test]
fn nobody_gets_more_out_of_the_nodes() {
    for load in [0.5, 0.9, 1.2] {
        let of = |policy| edge::run(&short::edge(), load, policy, 7).figures();
        let oracle = of(Name::Oracle);
        for policy in Name::ALL {
            let figures = of(policy);
            let unanswered = figures.misses + figures.local;
            assert!(oracle.misses + oracle.local <= unanswered * NOISE, "{} at {load}", policy.word());
            assert!(oracle.p50 <= figures.p50 * NOISE || load > 0.5, "{} at {load}", policy.word());
        }
    }
}
