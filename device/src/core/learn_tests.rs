use super::endpoint::{Endpoint, Exchange, LoadSeen};
use super::estimate::Forecast;
use super::learn;
use super::model::{Bundle, Local, Model};
use super::outcome::Reason;
use super::probe::Question;
use super::profile::Profile;
use super::route::{self, Set};
use wire::Outcome;
use wire::bundle::OffloadPolicy;

const NOW_US: u64 = 1_000_000;
const LARGE: u32 = 50_000;
const SMALL: u32 = 100;

/// What to expect of the only endpoint for so many bytes, after it taught something.
fn forecast(bytes: u32, teach: impl FnOnce(&mut Endpoint)) -> Forecast {
    let absent = Local::Absent(Reason::NoLocalModel);
    let mut model = Model::new(OffloadPolicy::default(), Profile::default(), absent);
    model.bundle = Bundle::Until(u64::MAX);
    let id = model.add_endpoint().expect("a new table has room");
    teach(model.endpoint_mut(id).expect("it was just added"));
    route::pick(&model, NOW_US, bytes, Set::default(), 0).expect("it serves").forecast
}

fn tell(endpoint: &mut Endpoint, service_p95_us: f32) {
    endpoint.told(NOW_US, LoadSeen { service_p95_us, ..LoadSeen::default() });
}

fn answer(endpoint: &mut Endpoint, bytes: u32, network_us: u64, service_us: u64) {
    let total_us = network_us + service_us;
    endpoint.measured(NOW_US, Exchange { total_us, queue_us: 0, service_us, bytes });
}

#[test]
fn small_answers_show_how_far_an_endpoint_is() {
    let known = forecast(SMALL, |endpoint| {
        tell(endpoint, 5_000.0);
        (0..4).for_each(|_| answer(endpoint, SMALL, 40_000, 5_000));
    });
    assert!((44_000.0..46_000.0).contains(&known.mean_us), "{known:?}");
}

#[test]
fn no_endpoint_is_farther_than_its_quickest_answer() {
    let known = forecast(SMALL, |endpoint| {
        tell(endpoint, 5_000.0);
        answer(endpoint, LARGE, 4_000, 5_000);
    });
    assert!(known.mean_us < 9_100.0, "{known:?}");
}

/// A server that tells no time of its own leaves all of it to the network, which is no distance.
#[test]
fn an_answer_without_times_shows_no_distance() {
    let known = forecast(SMALL, |endpoint| (0..4).for_each(|_| answer(endpoint, SMALL, 400_000, 0)));
    assert!(known.mean_us < 100_000.0, "{known:?}");
}

#[test]
fn quick_answers_do_not_hide_the_tail_that_is_told() {
    let known = forecast(SMALL, |endpoint| {
        tell(endpoint, 170_000.0);
        (0..8).for_each(|_| answer(endpoint, SMALL, 1_000, 20_000));
    });
    assert!(known.mean_us < 30_000.0 && 170_000.0 <= known.p95_us(), "{known:?}");
}

/// The first answer of a server that had to load its model.
#[test]
fn where_no_tail_is_told_one_slow_answer_makes_none() {
    let known = forecast(SMALL, |endpoint| {
        tell(endpoint, 0.0);
        answer(endpoint, SMALL, 1_000, 2_000_000);
        (0..8).for_each(|_| answer(endpoint, SMALL, 1_000, 20_000));
    });
    assert!(known.p95_us() < 60_000.0, "{known:?}");
}

#[test]
fn long_work_is_not_held_against_the_link() {
    let after = |waited_us| {
        let known = forecast(LARGE, |endpoint| {
            tell(endpoint, 100_000.0);
            (0..8).for_each(|_| answer(endpoint, LARGE, 30_000, 20_000));
            endpoint.outlasted(NOW_US, LARGE, waited_us);
        });
        known.transmit_us
    };
    assert!((after(110_000) - after(0)).abs() < 1.0, "{} {}", after(110_000), after(0));
    assert!(after(300_000) > 2.0 * after(0), "{}", after(300_000));
}

#[test]
fn a_link_that_fades_makes_ready_what_else_there_is_once() {
    const SECOND: u64 = 1_000_000;
    let mut model =
        Model::new(OffloadPolicy::default(), Profile::default(), Local::Absent(Reason::NoLocalModel));
    let [oak, elm] = [(); 2].map(|()| model.add_endpoint().expect("a new table has room"));
    for id in [oak, elm] {
        model.probed(NOW_US, 0, (id, Question::Load), Some((2_000, LoadSeen::default())));
    }
    while model.next_probe(NOW_US).is_some() {}
    model.guide.asked(NOW_US, 0);
    model.guide.answered(NOW_US, 60 * SECOND);
    let mut answer = |now_us: u64, network_us: u64| {
        let exchange =
            Exchange { total_us: network_us + 5_000, queue_us: 0, service_us: 5_000, bytes: LARGE };
        learn::from_answer(&mut model, now_us, 0, oak, Outcome::Served, exchange, None);
        let asks = model.guide.is_due(now_us);
        if asks {
            model.guide.answered(now_us, 60 * SECOND);
        }
        (asks, model.next_probe(now_us).map(|(id, _)| id))
    };
    let at = |tenths: u64| 4 * SECOND + tenths * SECOND / 10;
    for tenths in 0..6 {
        assert_eq!(answer(at(tenths), 40_000), (false, None));
    }
    assert_eq!(answer(at(6), 100_000), (true, Some(elm)), "it fades");
    assert_eq!(answer(at(7), 160_000), (false, None), "it still does");
    assert_eq!(answer(at(8), 40_000), (false, None));
    assert_eq!(answer(at(9), 160_000), (true, None), "it does again, and all were heard a moment ago");
    assert_eq!(answer(at(10), 40_000), (false, None));
    assert_eq!(answer(at(40), 160_000), (true, Some(elm)), "and again");
}
