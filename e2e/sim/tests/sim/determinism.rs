use longshore_sim::{edge, policy::catalogue::Name, ramp};

use crate::short;

#[test]
fn the_same_seed_gives_the_same_figures() {
    for policy in Name::ALL {
        let ramp = || ramp::run(&short::ramp(), 1.27, policy, 7).figures();
        assert_eq!(ramp(), ramp(), "ramp, {}", policy.word());
        let edge = || edge::run(&short::edge(), 0.9, policy, 7).figures();
        assert_eq!(edge(), edge(), "edge, {}", policy.word());
    }
}

#[test]
fn another_seed_gives_others() {
    let of = |seed| ramp::run(&short::ramp(), 1.27, Name::Prequal, seed).figures();
    assert_ne!(of(7).p99.to_bits(), of(8).p99.to_bits());
}

#[test]
fn all_policies_meet_the_same_queries() {
    let queries = |policy| ramp::run(&short::ramp(), 1.27, policy, 7).queries;
    assert!(Name::ALL.iter().all(|policy| queries(*policy) == queries(Name::Random)));
}
