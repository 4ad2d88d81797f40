use super::endpoint::{EndpointId, LoadSeen};
use super::estimate::Estimate;
use super::model::Bundle;
use super::moves::Moves;
use super::outcome::Place;
use super::probe::Question;
use super::world::{Node, World};

const EDGE: Option<Place> = Some(Place::Edge(EndpointId(0)));
const HERE: Option<Place> = Some(Place::Device);
const MINUTE_US: u64 = 60_000_000;

/// Ten minutes of an edge that is the better place for five seconds and the worse one for the next five, a request each
/// second. How many moves there were after each.
fn fickle_edge(dwell_seconds: u32, per_minute: u32) -> (Vec<u64>, Moves) {
    let mut world = World::new(&[Node::Good(12_000)]);
    world.model.policy.min_dwell_seconds = dwell_seconds;
    world.model.policy.max_moves_per_minute = per_minute;
    let made = (0..600).map(|second| {
        world.now_us = 1_000_000 * (second + 1);
        let wait_us = if second / 5 % 2 == 0 { 0.0 } else { 200_000.0 };
        let load = LoadSeen { wait_us, service_p95_us: 5_000.0, draining: false };
        world.model.probed(world.now_us, 0, (EndpointId(0), Question::Load), Some((2_000, load)));
        world.ask(400);
        world.model.account.moves.made
    });
    let made = made.collect();
    (made, world.model.account.moves)
}

#[test]
fn work_moves_no_more_often_in_any_minute_than_the_owner_says() {
    for per_minute in [1, 3, 6] {
        let (made, moves) = fickle_edge(0, per_minute);
        for minute in made.windows(61) {
            assert!(minute[60] - minute[0] <= u64::from(per_minute), "{per_minute}: {minute:?}");
        }
        assert!(8 * u64::from(per_minute) <= moves.made, "in ten minutes only {moves:?}");
        assert!(100 < moves.held_by_flap_limit, "{moves:?}");
    }
    let (_, free) = fickle_edge(0, 600);
    assert!(100 < free.made && free.held_by_flap_limit == 0, "{free:?}");
}

#[test]
fn the_dwell_time_is_asked_first_and_counted_for_itself() {
    let (_, moves) = fickle_edge(8, 600);
    assert!(0 < moves.held_by_dwell && moves.held_by_flap_limit == 0, "{moves:?}");
}

#[test]
fn a_long_pause_forgets_all_moves() {
    let mut moves = Moves::default();
    for _ in 0..6 {
        moves.moved(59_999_999);
    }
    assert!(!moves.allow_another(59_999_999 + MINUTE_US, 6));
    assert!(moves.allow_another(130_000_000, 1));
    moves.moved(10 * MINUTE_US);
    assert!(moves.allow_another(10 * MINUTE_US, 2));
    assert!(!moves.allow_another(10 * MINUTE_US, 1));
}

#[test]
fn bodies_that_stay_here_are_saved_and_those_that_leave_are_spent() {
    let mut world = World::new(&[Node::Good(12_000)]);
    world.model.policy.latency_margin_percent = 100;
    assert_eq!(world.ask(200).place, HERE);
    assert_eq!((world.model.account.saved_bytes, world.model.account.edge_bytes), (50_000, 0));
    world.battery_percent = Some(10.0);
    assert_eq!(world.ask(200).place, EDGE);
    assert_eq!((world.model.account.saved_bytes, world.model.account.edge_bytes), (50_000, 50_000));
    world.nodes = vec![Node::Silent];
    assert_eq!(world.ask(200).place, HERE);
    assert_eq!((world.model.account.saved_bytes, world.model.account.edge_bytes), (50_000, 100_000));
}

#[test]
fn two_surprises_on_the_same_side_begin_anew() {
    for sample in [160.0, 10.0] {
        let mut estimate = Estimate::guess(0.0, 0.0);
        (0..8).for_each(|_| estimate.add(40.0));
        estimate.add(sample);
        assert!((estimate.mean() - 40.0).abs() < (sample - 40.0_f32).abs() / 2.0, "{estimate:?}");
        estimate.add(sample);
        assert!((estimate.mean() - sample).abs() < 0.01, "{estimate:?}");
    }
}

/// Ten minutes at the edge: how fast the device itself is by then is known less well.
fn idle_device() -> World {
    let mut world = World::new(&[Node::Good(12_000)]);
    world.battery_percent = Some(10.0);
    for _ in 0..600 {
        assert_eq!(world.ask(200).place, EDGE);
        world.rest(1_000);
    }
    world
}

#[test]
fn a_speed_that_was_not_measured_for_long_is_known_less_well_until_the_next_run() {
    let fresh = World::new(&[]).model.here(1_000_000).expect("it runs here");
    let mut world = idle_device();
    let aged = world.model.here(world.now_us).expect("it runs here");
    assert!((aged.mean_us - fresh.mean_us).abs() < 1.0, "{aged:?}");
    assert!(1.4 * aged.mean_us < aged.p95_us() && aged.p95_us() < 1.6 * aged.mean_us, "{aged:?}");
    let later = world.model.here(world.now_us + 60 * MINUTE_US).expect("it runs here");
    assert!(later.p95_us() < 1.6 * later.mean_us, "{later:?}");
    world.battery_percent = None;
    world.model.policy.latency_margin_percent = 100;
    world.nodes = vec![Node::Cut];
    assert_eq!(world.ask(200).place, HERE);
    let again = world.model.here(world.now_us).expect("it runs here");
    assert!(again.p95_us() < 1.1 * again.mean_us, "{again:?}");
}

#[test]
fn a_device_that_changed_fourfold_while_it_idled_is_known_within_eight_requests() {
    for local_us in [160_000, 10_000] {
        let mut world = idle_device();
        world.battery_percent = None;
        world.nodes = vec![Node::Cut];
        world.local_us = local_us;
        for _ in 0..8 {
            assert_eq!(world.ask(2_000).place, HERE);
        }
        let known = world.model.here(world.now_us).expect("it runs here");
        let off = (known.mean_us - local_us as f32).abs() / local_us as f32;
        assert!(off < 1.0 / 3.0, "{known:?} for {local_us}");
    }
}

/// Every half a minute it might; nobody answers.
#[test]
fn a_policy_that_ages_is_asked_for_ever_more_often_and_not_all_the_time() {
    const SECOND: u64 = 1_000_000;
    const LIFE_US: u64 = 86_400 * SECOND;
    let (mut asked, bundle) = (vec![0], Bundle::Until(LIFE_US));
    for now_us in (0..2 * LIFE_US).step_by(30 * SECOND as usize) {
        if bundle.is_urgent(now_us, LIFE_US, asked[asked.len() - 1]) {
            asked.push(now_us);
        }
    }
    assert!((15..35).contains(&asked.len()), "{asked:?}");
    assert!(LIFE_US / 2 <= asked[1] && LIFE_US - 120 * SECOND < asked[asked.len() - 1], "{asked:?}");
    assert!(
        !Bundle::Unknown.is_urgent(LIFE_US, LIFE_US, 0) && !Bundle::Waived.is_urgent(LIFE_US, LIFE_US, 0)
    );
}
