//! Another endpoint asked beside one that is late.

use wire::Outcome;

use super::endpoint::EndpointId;
use super::event::Effect;
use super::model::Local;
use super::outcome::{Place, Reason, Verdict};
use super::world::{Node, World};

const GOOD: Node = Node::Good(12_000);
const FIRST: EndpointId = EndpointId(0);
const SECOND: EndpointId = EndpointId(1);

/// A device without a model, and two endpoints that have answered it in so many microseconds.
fn known(microseconds: u64) -> World {
    let mut world = World::new(&[Node::Good(microseconds); 2]);
    world.model.local = Local::Absent(Reason::NoLocalModel);
    for _ in 0..40 {
        world.now_us += 500_000;
        world.ask(600);
    }
    world
}

/// Asks again and again until a request goes to the first endpoint first.
fn ask_the_first(world: &mut World) -> Verdict {
    for _ in 0..100 {
        world.now_us += 500_000;
        let verdict = world.ask(600);
        if sent(world)[0] == FIRST {
            return verdict;
        }
    }
    panic!("no request went to the first endpoint");
}

fn sent(world: &World) -> Vec<EndpointId> {
    let sent = world.effects.iter().filter_map(|effect| match effect {
        Effect::Send { endpoint, .. } => Some(*endpoint),
        _ => None,
    });
    sent.collect()
}

#[test]
fn another_answers_for_one_that_is_late_and_the_late_one_is_not_left_for_it() {
    let mut world = known(12_000);
    world.nodes[0] = Node::Silent;
    assert_eq!(ask_the_first(&mut world).place, Some(Place::Edge(SECOND)));
    assert_eq!(sent(&world), [FIRST, SECOND]);
    let cancelled = world.effects.iter().position(|effect| *effect == Effect::Cancel { endpoint: FIRST });
    let asked =
        world.effects.iter().position(|effect| matches!(effect, Effect::Send { endpoint: SECOND, .. }));
    assert!(asked < cancelled, "{:?}", world.effects);
}

#[test]
fn the_late_one_may_still_be_the_first_to_answer() {
    let mut world = known(12_000);
    world.nodes = vec![Node::Good(45_000), Node::Silent];
    assert_eq!(ask_the_first(&mut world).place, Some(Place::Edge(FIRST)));
    assert_eq!(sent(&world), [FIRST, SECOND]);
    let known = world.model.endpoint(SECOND).expect("it stays");
    assert!(known.breaker.is_closed() && known.in_flight() == 0, "it was asked a moment ago");
}

#[test]
fn a_refusal_of_one_is_no_end_while_the_other_may_answer() {
    for outcome in [Outcome::QueueFull, Outcome::Rejected, Outcome::Draining, Outcome::UpstreamFailed] {
        let mut world = known(12_000);
        world.nodes = vec![Node::Good(45_000), Node::Refusing(outcome, 1_000)];
        assert_eq!(ask_the_first(&mut world).place, Some(Place::Edge(FIRST)), "{outcome}");
    }
}

#[test]
fn an_endpoint_that_is_overtaken_twice_is_out() {
    let mut world = known(12_000);
    world.nodes[0] = Node::Silent;
    ask_the_first(&mut world);
    assert!(world.model.endpoint(FIRST).expect("it stays").breaker.is_closed());
    ask_the_first(&mut world);
    assert!(!world.model.endpoint(FIRST).expect("it stays").breaker.is_closed());
}

#[test]
fn a_long_upload_is_not_begun_a_second_time_beside_the_first() {
    let mut world = known(60_000);
    world.nodes[0] = Node::Silent;
    ask_the_first(&mut world);
    let waits = world.effects.iter().position(|effect| *effect == Effect::Cancel { endpoint: FIRST });
    let again =
        world.effects.iter().position(|effect| matches!(effect, Effect::Send { endpoint: SECOND, .. }));
    assert!(waits < again, "{:?}", world.effects);
}

#[test]
fn not_more_than_a_tenth_of_the_requests_is_sent_twice() {
    let (mut world, mut sends) = (known(12_000), 0);
    for turn in 0..1_000 {
        let late = if turn % 6 == 0 { Node::Good(60_000) } else { GOOD };
        world.nodes = vec![late; 2];
        world.now_us += 500_000;
        world.ask(600);
        sends += sent(&world).len();
    }
    // A tenth, and what had been saved up.
    assert!((1_050..=1_110).contains(&sends), "{sends}");
}
