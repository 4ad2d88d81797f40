//! Another endpoint asked beside one that is late.

use wire::Outcome;
use wire::bundle::Mode;

use super::endpoint::EndpointId;
use super::event::{Effect, Event, Start};
use super::model::Local;
use super::outcome::{Place, Reason, Verdict};
use super::request::Request;
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
    let cancelled =
        world.effects.iter().position(|effect| matches!(effect, Effect::Cancel { endpoint: FIRST, .. }));
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
    for outcome in [Outcome::QueueFull, Outcome::TooLate, Outcome::Draining, Outcome::UpstreamFailed] {
        let mut world = known(12_000);
        world.nodes = vec![Node::Good(45_000), Node::Refusing(outcome, 1_000)];
        assert_eq!(ask_the_first(&mut world).place, Some(Place::Edge(FIRST)), "{outcome}");
        assert_eq!(sent(&world), [FIRST, SECOND], "{outcome}");
    }
}

#[test]
fn a_connection_that_breaks_is_no_end_while_the_other_may_answer() {
    let mut world = known(12_000);
    world.nodes = vec![Node::Good(45_000), Node::BrokenOnce];
    assert_eq!(ask_the_first(&mut world).place, Some(Place::Edge(FIRST)));
    assert_eq!(sent(&world), [FIRST, SECOND]);
}

#[test]
fn what_no_endpoint_takes_waits_for_none() {
    let mut world = known(12_000);
    world.nodes = vec![Node::Silent, Node::Refusing(Outcome::Malformed, 1_000)];
    let verdict = ask_the_first(&mut world);
    assert_eq!((verdict.place, verdict.reason), (None, Reason::Refused(Outcome::Malformed)));
    assert!(world.model.endpoint(FIRST).expect("it stays").breaker.is_closed());
}

/// Its answer would come from here all the same.
#[test]
fn a_device_that_answers_itself_by_now_asks_no_second_one() {
    let mut world = World::new(&[GOOD; 2]);
    world.model.policy.mode = Mode::OffloadOnly;
    for _ in 0..40 {
        world.now_us += 500_000;
        world.ask(600);
    }
    world.nodes = vec![Node::Silent; 2];
    world.local_us = 25_000;
    world.now_us += 500_000;
    // A run here must begin before an endpoint is late.
    assert_eq!(world.ask(70).place, Some(Place::Device));
    assert_eq!(sent(&world).len(), 1);
}

#[test]
fn a_second_one_that_had_little_time_is_not_to_blame() {
    let mut world = known(12_000);
    world.nodes = vec![Node::Silent; 2];
    for _ in 0..4 {
        world.now_us += 500_000;
        // Both are silent, and one had but the rest of the time.
        world.ask(55);
        let [first, second] = sent(&world)[..] else { continue };
        let failed = |id| !world.model.endpoint(id).expect("it stays").breaker.is_closed();
        assert!(failed(first) || !failed(second), "{:?}", world.effects);
    }
}

#[test]
fn an_owner_who_forbids_it_meanwhile_is_obeyed() {
    let mut world = known(12_000);
    world.nodes[0] = Node::Silent;
    let start = Start { deadline_us: world.now_us + 600_000, bytes: 50_000, battery_percent: None };
    let random = (0..).find(|random| {
        let (mut request, effects) = Request::start(world.now_us, *random, start, &mut world.model);
        request.abandon(&mut world.model);
        effects.into_iter().any(|effect| matches!(effect, Effect::Send { endpoint: FIRST, .. }))
    });
    let random = random.expect("one of many goes to the first");
    let (mut request, _) = Request::start(world.now_us, random, start, &mut world.model);
    world.model.policy.mode = Mode::LocalOnly;
    let late_us = world.now_us + 60_000;
    let effects = request.handle(late_us, random, Event::Timer, &mut world.model);
    assert!(!effects.into_iter().any(|effect| matches!(effect, Effect::Send { .. })), "{effects:?}");
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
    let waits =
        world.effects.iter().position(|effect| matches!(effect, Effect::Cancel { endpoint: FIRST, .. }));
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
