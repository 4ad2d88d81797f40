use std::time::{Duration, Instant};

use crate::{
    listen::pace::{Bounds, Pace, Verdict},
    proxy::http1::head::Fault,
};

const BOUNDS: Bounds = Bounds {
    head_max: Duration::from_secs(10),
    idle_max: Duration::from_secs(60),
    window: Duration::from_secs(10),
    window_bytes_min: 10_240,
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn pace() -> (Pace, Instant) {
    let start = Instant::now();
    (Pace::new(start, BOUNDS), start)
}

#[track_caller]
fn fine(pace: &mut Pace, now: Instant) {
    let verdict = pace.verdict(now);
    assert!(matches!(verdict, Verdict::Fine(next) if next > now), "{verdict:?}");
}

#[test]
fn an_idle_connection_is_closed() {
    let (mut pace, start) = pace();
    fine(&mut pace, start + seconds(59));
    assert_eq!(pace.verdict(start + seconds(60)), Verdict::Idle);
}

#[test]
fn idling_starts_again_after_each_request() {
    let (mut pace, start) = pace();
    pace.begun();
    fine(&mut pace, start + seconds(600));
    pace.ended(start + seconds(600));
    fine(&mut pace, start + seconds(659));
    assert_eq!(pace.verdict(start + seconds(660)), Verdict::Idle);
}

#[test]
fn a_head_that_trickles_is_a_fault() {
    let (mut pace, start) = pace();
    for second in 0..10 {
        pace.received(start + seconds(second), true);
        fine(&mut pace, start + seconds(second));
    }
    assert_eq!(pace.verdict(start + seconds(10)), Verdict::Fault(Fault::TooSlow));
}

#[test]
fn a_head_behind_a_request_has_its_time_from_the_end_of_that() {
    let (mut pace, start) = pace();
    pace.begun();
    pace.received(start, true);
    pace.ended(start + seconds(30));
    fine(&mut pace, start + seconds(39));
    assert_eq!(pace.verdict(start + seconds(40)), Verdict::Fault(Fault::TooSlow));
}

#[test]
fn a_reader_that_takes_nothing_is_stalled() {
    let (mut pace, start) = pace();
    pace.begun();
    pace.blocked(start);
    fine(&mut pace, start + seconds(9));
    assert_eq!(pace.verdict(start + seconds(10)), Verdict::Stalled);
}

#[test]
fn a_reader_that_takes_a_little_at_a_time_is_stalled_too() {
    let (mut pace, start) = pace();
    pace.begun();
    for second in 0..10 {
        pace.blocked(start + seconds(second));
        pace.sent(1000);
    }
    pace.blocked(start + seconds(10));
    assert_eq!(pace.verdict(start + seconds(10)), Verdict::Stalled);
}

#[test]
fn a_reader_that_keeps_its_pace_is_fine() {
    let (mut pace, start) = pace();
    pace.begun();
    for second in 0..40 {
        pace.blocked(start + seconds(second));
        pace.sent(2000);
        fine(&mut pace, start + seconds(second));
    }
}

#[test]
fn an_answer_that_nobody_has_room_for_is_stalled() {
    let (mut pace, start) = pace();
    pace.begun();
    pace.handed(start + seconds(100));
    fine(&mut pace, start + seconds(109));
    assert_eq!(pace.verdict(start + seconds(110)), Verdict::Stalled);
}

#[test]
fn the_time_for_an_answer_starts_with_it_and_not_with_the_one_before() {
    let (mut pace, start) = pace();
    pace.begun();
    for second in [0, 9] {
        pace.handed(start + seconds(second));
        pace.sent(100);
        pace.taken();
    }
    pace.handed(start + seconds(9));
    fine(&mut pace, start + seconds(18));
    assert_eq!(pace.verdict(start + seconds(19)), Verdict::Stalled);
}

#[test]
fn answers_wait_beside_one_that_keeps_its_pace() {
    let (mut pace, start) = pace();
    pace.begun();
    pace.handed(start);
    pace.handed(start);
    for second in 0..40 {
        pace.sent(2000);
        fine(&mut pace, start + seconds(second));
    }
    pace.taken();
    fine(&mut pace, start + seconds(49));
    assert_eq!(pace.verdict(start + seconds(60)), Verdict::Stalled);
}

#[test]
fn an_answer_that_the_server_has_not_made_is_no_stall() {
    let (mut pace, start) = pace();
    pace.begun();
    pace.handed(start);
    pace.taken();
    fine(&mut pace, start + seconds(600));
}
