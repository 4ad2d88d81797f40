//! The shape of NSDI'24 in a short run: what `make sim` checks at length.

use longshore_sim::{policy::catalogue::Name, ramp, world::tally::Figures};

/// Long enough for weights to count and for an overloaded replica to fill.
fn of(policy: Name, load: f64) -> Figures {
    let parameters = ramp::Parameters { time: 20.0, ..ramp::Parameters::default() };
    ramp::run(&parameters, load, policy, 7).figures()
}

#[test]
fn weighted_round_robin_reaches_the_deadline_above_the_allotment() {
    assert!(of(Name::Wrr, 0.93).p999 < 4_000.0);
    assert!(of(Name::Wrr, 1.14).p999 >= 4_990.0);
    assert!(of(Name::Wrr, 1.74).misses > 0.2);
}

#[test]
fn prequal_has_no_errors_where_weighted_round_robin_has_many() {
    assert_eq!(of(Name::Prequal, 1.74).misses.to_bits(), 0.0_f64.to_bits());
}

#[test]
fn half_a_probe_per_query_is_beyond_the_cliff() {
    let with = |probes| {
        let parameters = ramp::Parameters { time: 15.0, ..ramp::Parameters::default() };
        let pool = parameters.pool.with_probes(probes);
        ramp::run(&ramp::Parameters { pool, ..parameters }, 1.14, Name::Prequal, 7).figures().p99
    };
    assert!(with(0.5) > 1.3 * with(1.0));
    assert!(with(3.0) > 0.7 * with(2.0));
}

#[test]
fn latency_alone_is_worse_than_hot_and_cold() {
    let with = |hot| {
        let parameters =
            ramp::Parameters { slow: (0.5, 0.5), speed_spread: 0.0, ..ramp::Parameters::default() };
        let pool = longshore_sim::policy::pool::Parameters { hot, ..parameters.pool };
        ramp::run(&ramp::Parameters { pool, ..parameters }, 0.93, Name::Prequal, 7).figures().p99
    };
    assert!(with(1.0) > 1.2 * with(0.84));
}
