use wire::Outcome;
use wire::bundle::{DataClass, Fallback, Mode};

use super::endpoint::{EndpointId, LoadSeen};
use super::model::{Bundle, Local, Model};
use super::outcome::{Ending, Place, Reason};
use super::probe::Question;
use super::world::{Node, World};

const GOOD: Node = Node::Good(12_000);

/// Asks once in a world changed by `change`, with 200 ms to answer.
#[track_caller]
fn check(nodes: &[Node], change: impl FnOnce(&mut World), place: Option<Place>, reason: Reason) -> World {
    let mut world = World::new(nodes);
    change(&mut world);
    let verdict = world.ask(200);
    assert_eq!((verdict.place, verdict.reason), (place, reason), "{:?}", world.effects);
    world
}

fn offload_only(world: &mut World) {
    world.model.policy.mode = Mode::OffloadOnly;
}

const FIRST: Option<Place> = Some(Place::Edge(EndpointId(0)));
const SECOND: Option<Place> = Some(Place::Edge(EndpointId(1)));
const HERE: Option<Place> = Some(Place::Device);

#[test]
fn a_good_edge_answers_and_nothing_runs_here() {
    let world = check(&[GOOD], |world| world.battery_percent = Some(10.0), FIRST, Reason::BatteryLow);
    assert!(!world.ran_locally());
}

#[test]
fn a_silent_edge_is_hedged_in_time() {
    let world = check(&[Node::Silent], offload_only, HERE, Reason::EdgeSilent);
    assert!(world.ran_locally());
}

#[test]
fn an_owner_who_wants_the_edge_or_nothing_gets_that() {
    let change = |world: &mut World| {
        offload_only(world);
        world.model.policy.fallback = Fallback::Fail;
    };
    let world = check(&[Node::Cut], change, None, Reason::EdgeFailed);
    assert!(!world.ran_locally());
}

#[test]
fn a_cut_edge_gives_way_to_the_device() {
    check(&[Node::Cut], offload_only, HERE, Reason::EdgeFailed);
}

#[test]
fn a_draining_endpoint_gives_way_to_the_next() {
    let draining = Node::Refusing(Outcome::Draining, 2_000);
    let change = |world: &mut World| {
        offload_only(world);
        // Own requests there make the other one the first choice.
        for _ in 0..9 {
            world.model.endpoint_mut(EndpointId(1)).expect("there are two").sent();
        }
    };
    let world = check(&[draining, GOOD], change, SECOND, Reason::ModeOffloadOnly);
    assert_eq!(world.sent(), 2);
    assert!(!world.ran_locally());
}

#[test]
fn an_endpoint_that_leaves_is_left_before_it_refuses_and_used_where_it_is_the_last() {
    let leaving = |world: &mut World| {
        offload_only(world);
        let load = LoadSeen { draining: true, ..LoadSeen::default() };
        world.model.probed(world.now_us, 0, (EndpointId(0), Question::Load), Some((2_000, load)));
    };
    for random in 0..20 {
        let change = |world: &mut World| {
            leaving(world);
            world.random = random;
        };
        check(&[GOOD, GOOD], change, SECOND, Reason::ModeOffloadOnly);
    }
    check(&[GOOD], leaving, FIRST, Reason::ModeOffloadOnly);
}

#[test]
fn an_endpoint_that_broke_is_asked_once_more_when_no_other_serves() {
    let change = |world: &mut World| {
        world.model.local = Local::Absent(Reason::NoLocalModel);
        // Own requests there make the one that breaks the first choice.
        for _ in 0..9 {
            world.model.endpoint_mut(EndpointId(1)).expect("there are two").sent();
        }
    };
    let draining = Node::Refusing(Outcome::Draining, 2_000);
    let world = check(&[Node::BrokenOnce, draining], change, FIRST, Reason::NoLocalModel);
    assert_eq!(world.sent(), 3);
}

#[test]
fn advice_to_run_here_is_obeyed() {
    let refusing = Node::Refusing(Outcome::TooLate, 2_000);
    let world = check(&[refusing, refusing], offload_only, HERE, Reason::Refused(Outcome::TooLate));
    assert_eq!(world.sent(), 1);
}

#[test]
fn a_device_without_a_model_takes_advice_to_run_here_elsewhere() {
    let change = |world: &mut World| {
        world.model.local = Local::Absent(Reason::NoLocalModel);
        for _ in 0..9 {
            world.model.endpoint_mut(EndpointId(1)).expect("there are two").sent();
        }
    };
    let broken = Node::Refusing(Outcome::UpstreamFailed, 2_000);
    check(&[broken, GOOD], change, SECOND, Reason::NoLocalModel);
}

#[test]
fn a_quota_rests_the_endpoint() {
    let refusing = Node::Refusing(Outcome::QuotaExceeded, 2_000);
    let mut world = check(&[refusing], offload_only, HERE, Reason::Refused(Outcome::QuotaExceeded));
    assert_eq!(world.ask(200).reason, Reason::EndpointsUnreachable);
}

#[test]
fn a_refusal_that_is_final_goes_nowhere_else() {
    let refusing = Node::Refusing(Outcome::Rejected, 2_000);
    let change = |world: &mut World| {
        offload_only(world);
        world.model.local = Local::Absent(Reason::NoLocalModel);
    };
    let world = check(&[refusing, refusing], change, None, Reason::Refused(Outcome::Rejected));
    assert_eq!(world.sent(), 1);
}

#[test]
fn without_a_model_here_another_endpoint_is_tried_while_time_remains() {
    let change = |world: &mut World| {
        world.model.local = Local::Absent(Reason::NoLocalModel);
        for _ in 0..9 {
            world.model.endpoint_mut(EndpointId(1)).expect("there are two").sent();
        }
    };
    check(&[Node::Silent, GOOD], change, SECOND, Reason::NoLocalModel);
}

#[test]
fn a_doubtful_answer_is_asked_again_at_the_edge() {
    let change = |world: &mut World| {
        world.model.policy.escalate_below_confidence_percent = 70;
        world.model.policy.latency_margin_percent = 100;
        world.confidence = 0.6;
    };
    check(&[GOOD], change, FIRST, Reason::LowConfidence);
}

#[test]
fn a_doubtful_answer_is_kept_for_a_silent_edge() {
    let change = |world: &mut World| {
        world.model.policy.escalate_below_confidence_percent = 70;
        world.model.policy.latency_margin_percent = 100;
        world.confidence = 0.6;
    };
    check(&[Node::Silent], change, HERE, Reason::WithinMargin);
}

#[test]
fn restricted_data_never_leaves_even_when_doubtful() {
    let change = |world: &mut World| {
        world.model.policy.escalate_below_confidence_percent = 70;
        world.model.policy.data_class = DataClass::Restricted;
        world.confidence = 0.1;
    };
    let world = check(&[GOOD], change, HERE, Reason::DataRestricted);
    assert_eq!(world.sent(), 0);
}

#[test]
fn a_failed_run_here_goes_to_the_edge() {
    let change = |world: &mut World| {
        world.model.policy.latency_margin_percent = 100;
        world.local_fails = true;
    };
    check(&[GOOD], change, FIRST, Reason::LocalFailed);
}

#[test]
fn an_expired_bundle_keeps_work_here() {
    check(&[GOOD], |world| world.model.bundle = Bundle::Until(1_000_000), HERE, Reason::BundleExpired);
}

#[test]
fn nothing_is_sent_before_the_policy_is_known() {
    let change = |world: &mut World| {
        world.model.bundle = Bundle::Unknown;
        world.battery_percent = Some(10.0);
        world.model.policy.escalate_below_confidence_percent = 99;
    };
    let world = check(&[GOOD], change, HERE, Reason::PolicyUnknown);
    assert_eq!(world.sent(), 0);
}

#[test]
fn bare_model_servers_need_no_policy() {
    let change = |world: &mut World| {
        world.model.bundle = Bundle::Waived;
        world.battery_percent = Some(10.0);
    };
    check(&[GOOD], change, FIRST, Reason::BatteryLow);
}

#[test]
fn a_dead_node_costs_few_requests_and_is_found_again() {
    let mut world = World::new(&[Node::Cut, GOOD]);
    offload_only(&mut world);
    let mut sends = 0;
    for _ in 0..50 {
        assert_eq!(world.ask(200).place, SECOND);
        sends += world.sent();
        world.rest(100);
    }
    assert!(sends <= 52, "{sends} sends for 50 requests");
    world.nodes = vec![GOOD, Node::Cut];
    world.rest(10_000);
    assert_eq!(world.ask(200).place, FIRST);
}

#[test]
fn an_endpoint_whose_model_is_down_is_back_when_the_model_is_ready() {
    let mut world = World::new(&[Node::Refusing(Outcome::ModelNotReady, 2_000)]);
    offload_only(&mut world);
    for _ in 0..2 {
        assert_eq!(world.ask(200).reason, Reason::Refused(Outcome::ModelNotReady));
        let load = Some((2_000, LoadSeen::default()));
        world.model.probed(world.now_us, 0, (EndpointId(0), Question::Load), load);
    }
    assert_eq!(world.ask(200).reason, Reason::EndpointsUnreachable);
    world.rest(30_000);
    assert_eq!(world.ask(200).reason, Reason::EndpointsUnreachable);
    world.nodes = vec![GOOD];
    world.rest(10_000);
    assert_eq!(world.ask(200).place, FIRST);
}

#[test]
fn a_battery_that_falls_moves_work_and_dead_nodes_move_it_back() {
    let mut world = World::new(&[GOOD, GOOD]);
    world.model.policy.latency_margin_percent = 100;
    world.battery_percent = Some(30.0);
    assert_eq!(world.ask(200).place, HERE);
    world.battery_percent = Some(15.0);
    assert!(matches!(world.ask(200).place, Some(Place::Edge(_))));
    world.nodes = vec![Node::Silent, Node::Cut];
    for _ in 0..5 {
        assert_eq!(world.ask(200).place, HERE);
    }
    world.nodes = vec![GOOD, GOOD];
    world.rest(10_000);
    assert!(matches!(world.ask(200).place, Some(Place::Edge(_))));
}

#[test]
fn one_bad_upload_is_not_held_against_the_edge_for_ever() {
    let mut world = World::new(&[Node::Good(190_000)]);
    offload_only(&mut world);
    for _ in 0..3 {
        assert_eq!(world.ask(400).place, FIRST);
    }
    world.nodes = vec![GOOD];
    assert_eq!(world.ask(150).reason, Reason::Fallback);
    world.rest(21_000);
    assert_eq!(world.ask(150).place, FIRST);
}

#[test]
fn work_is_shared_among_equal_nodes() {
    let mut world = World::new(&[GOOD, GOOD]);
    offload_only(&mut world);
    let mut counts = [0, 0];
    for _ in 0..100 {
        match world.ask(200).place {
            FIRST => counts[0] += 1,
            SECOND => counts[1] += 1,
            place => panic!("{place:?}"),
        }
        world.rest(50);
    }
    assert!(counts.iter().all(|count| 20 <= *count), "{counts:?}");
}

/// A fleet that refuses must not get every request several times.
#[test]
fn few_requests_are_sent_once_more() {
    let mut world = World::new(&[Node::Refusing(Outcome::QueueFull, 1_000); 4]);
    offload_only(&mut world);
    let requests = 1_000;
    let sends: usize = (0..requests)
        .map(|_| {
            world.ask(200);
            world.sent()
        })
        .sum();
    assert!((requests..requests * 11 / 10 + 10).contains(&sends), "{sends}");
}

/// The second run here waits for the first: it could not answer in time, and the edge can.
#[test]
fn a_busy_processor_is_no_place_for_the_next_request() {
    let mut world = World::new(&[GOOD]);
    world.model.policy.latency_margin_percent = 100;
    let start = super::event::Start { deadline_us: 1_070_000, bytes: 50_000, battery_percent: None };
    let (_first, effects) = super::request::Request::start(1_000_000, 7, start, &mut world.model);
    assert!(effects.into_iter().any(|effect| effect == super::event::Effect::RunLocal));
    let verdict = world.ask(70);
    assert_eq!((verdict.place, verdict.reason), (FIRST, Reason::LocalTooSlow));
}

#[test]
fn own_requests_count_at_once() {
    let mut model = World::new(&[GOOD, GOOD]).model;
    for _ in 0..5 {
        model.endpoint_mut(EndpointId(0)).expect("there are two").sent();
    }
    for random in [0, 1, u32::MAX, 0x8000_0001] {
        let route = super::route::pick(&model, 1_000_000, 50_000, super::route::Set::default(), random);
        assert_eq!(route.map(|route| route.endpoint), Ok(EndpointId(1)));
    }
}

#[test]
fn state_stays_small() {
    assert!(size_of::<Model>() <= 2_048, "{} bytes", size_of::<Model>());
}

/// Whatever the nodes, the battery, the deadline and the speed of the device: exactly one answer, by the deadline
/// ([`World::ask`] checks it), and no request is counted as out after its end.
#[test]
fn random_worlds_always_get_one_answer_in_time() {
    let mut dice = World::new(&[]);
    for _ in 0..3_000 {
        let mut world = World::new(&[GOOD; 4]);
        world.random = u64::from(dice.random());
        for _ in 0..6 {
            shake(&mut world, &mut dice);
            let verdict = world.ask(1 + u64::from(dice.random() % 400));
            if verdict.ending == Ending::Failed {
                assert!(world.local_fails || world.model.local == Local::Absent(Reason::NoLocalModel));
            }
            world.rest(u64::from(dice.random() % 30));
        }
        let calm = World::new(&[GOOD; 4]).model;
        for (id, endpoint) in world.model.endpoints() {
            let fresh = calm.endpoint(id).expect("both have four");
            assert_eq!(endpoint.in_flight(), fresh.in_flight(), "{id:?}");
        }
    }
}

fn shake(world: &mut World, dice: &mut World) {
    let outcome = Outcome::ALL[dice.random() as usize % Outcome::ALL.len()];
    for node in &mut world.nodes {
        let after_us = u64::from(dice.random() % 300_000);
        *node = match dice.random() % 5 {
            0 => Node::Silent,
            1 => Node::Cut,
            2 if outcome != Outcome::Served => Node::Refusing(outcome, after_us),
            _ => Node::Good(after_us),
        };
    }
    world.local_us = u64::from(dice.random() % 300_000);
    world.confidence = (dice.random() % 100) as f32 / 100.0;
    world.local_fails = dice.random().is_multiple_of(7);
    world.battery_percent = Some((dice.random() % 100) as f32);
    world.model.policy.escalate_below_confidence_percent = 50;
    world.model.policy.mode =
        if dice.random().is_multiple_of(3) { Mode::OffloadOnly } else { Mode::Automatic };
    if dice.random().is_multiple_of(9) {
        world.model.local = Local::Absent(Reason::NoLocalModel);
    }
}
