use longshore_sim::{edge, policy::catalogue::Name, ramp, world::tally::Tally};

use crate::short;

#[track_caller]
fn each_ends_once(tally: &Tally, about: &str) {
    let Tally { queries, answered, late, local, failed, .. } = tally;
    assert!(*queries > 1_000, "{about}: only {queries} queries");
    assert_eq!(*queries, answered + late + local + failed, "{about}");
    assert_eq!(*queries, tally.seconds.len() as u64, "{about}");
}

#[test]
fn every_query_ends_exactly_once() {
    for policy in Name::ALL {
        each_ends_once(&ramp::run(&short::ramp(), 1.74, policy, 7), policy.word());
        each_ends_once(&edge::run(&short::edge(), 1.2, policy, 7), policy.word());
    }
}

/// What is counted above is more than answers.
#[test]
fn faults_deadlines_and_refusals_are_met() {
    let tally = edge::run(&short::edge(), 1.2, Name::Longshore, 7);
    let Tally { answered, late, local, .. } = tally;
    assert!([answered, late, local].iter().all(|count| *count > 1_000), "{answered} {late} {local}");
    assert!(tally.faults.iter().flatten().any(|fault| fault.is_fast));
    assert!(tally.faults.iter().flatten().any(|fault| !fault.is_fast));
}

#[test]
fn no_answer_is_faster_than_the_network_and_none_slower_than_the_deadline() {
    for policy in Name::ALL {
        let seconds = edge::run(&short::edge(), 0.9, policy, 7).seconds;
        let (least, most) = seconds.iter().fold((f32::MAX, 0.0_f32), |(a, b), it| (a.min(*it), b.max(*it)));
        // A round trip of 5 ms, and a batch of one light request on the fastest node.
        assert!(0.0101 < least && most <= 0.301, "{}: {least} to {most}", policy.word());
    }
}

#[test]
fn control_messages_stay_within_the_budget() {
    for policy in Name::ALL {
        let figures = edge::run(&edge::Parameters { time: 30.0, ..short::edge() }, 0.9, policy, 7).figures();
        assert!(figures.control <= edge::BUDGET * 1.05, "{}: {}", policy.word(), figures.control);
    }
    let prequal = ramp::run(&short::ramp(), 0.93, Name::Prequal, 7).figures();
    assert!((prequal.control - 3.0).abs() < 0.01, "{}", prequal.control);
}
