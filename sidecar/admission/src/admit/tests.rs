use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Four slots, all taken and half done, nobody waiting, 10 ms a request, 100 ms left.
fn busy_server(now: Instant) -> Situation {
    Situation {
        now,
        deadline: now + 100 * MILLISECOND,
        payload_bytes: Some(1000),
        payload_bytes_max: 1000,
        running: 4,
        concurrency: 4,
        queued: 0,
        ahead: 0,
        is_full: false,
        excess: 0,
        work_left: 20 * MILLISECOND,
        measured: Some(Measured { mean: 10 * MILLISECOND, p95: 15 * MILLISECOND, at: now }),
        arrival: None,
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Situation), want: Verdict) -> Duration {
    let mut situation = busy_server(Instant::now() + Duration::from_secs(3600));
    change(&mut situation);
    let (verdict, wait) = decide(&situation);
    assert_eq!(verdict, want);
    wait
}

#[test]
fn a_free_slot_admits() {
    let wait = check(|situation| situation.running = 3, Verdict::Admit);
    assert_eq!(wait, Duration::ZERO);
}

#[test]
fn a_busy_server_with_time_left_is_waited_for() {
    let wait = check(|_| {}, Verdict::Wait);
    assert_eq!(wait, 5 * MILLISECOND, "20 ms of work on 4 slots");
}

#[test]
fn a_free_slot_behind_a_queue_is_not_free() {
    check(
        |situation| {
            situation.running = 3;
            situation.queued = 1;
        },
        Verdict::Wait,
    );
}

#[test]
fn the_deadline_is_met_to_the_last_microsecond_and_not_beyond() {
    let exactly = 21 * MILLISECOND; // 5 wait and a fifth, 15 service
    check(|situation| situation.deadline = situation.now + exactly, Verdict::Wait);
    let less = exactly - Duration::from_micros(1);
    check(|situation| situation.deadline = situation.now + less, Verdict::Refuse(Outcome::TooLate));
}

#[test]
fn those_who_go_first_count_and_those_who_go_later_do_not() {
    let left = 28 * MILLISECOND;
    check(
        |situation| {
            situation.deadline = situation.now + left;
            (situation.queued, situation.ahead) = (6, 2);
        },
        Verdict::Wait,
    );
    check(
        |situation| {
            situation.deadline = situation.now + left;
            (situation.queued, situation.ahead) = (6, 5);
        },
        Verdict::Refuse(Outcome::TooLate),
    );
}

#[test]
fn the_queue_has_an_end() {
    check(|situation| situation.queued = 8, Verdict::Wait);
    check(|situation| (situation.queued, situation.is_full) = (8, true), Verdict::Refuse(Outcome::QueueFull));
}

#[test]
fn whoever_is_over_its_share_waits_for_less_and_takes_what_is_free() {
    // 85 ms could be waited for, and the wait is 25.
    let wants = |situation: &mut Situation, excess| {
        (situation.ahead, situation.queued, situation.excess) = (8, 8, excess)
    };
    check(|situation| wants(situation, 1), Verdict::Wait);
    check(|situation| wants(situation, 2), Verdict::Refuse(Outcome::QueueFull));
    check(
        |situation| {
            wants(situation, 16);
            (situation.running, situation.queued) = (3, 0);
        },
        Verdict::Admit,
    );
}

#[test]
fn a_server_that_was_never_measured_is_tried() {
    check(
        |situation| {
            situation.measured = None;
            situation.deadline = situation.now + MILLISECOND;
            situation.running = 0;
        },
        Verdict::Admit,
    );
}

#[test]
fn an_idle_server_that_was_slow_is_tried_again_after_a_second() {
    let slow = |situation: &mut Situation, age: Duration| {
        let at = situation.now - age;
        situation.running = 0;
        situation.measured = Some(Measured { mean: 500 * MILLISECOND, p95: 900 * MILLISECOND, at });
    };
    check(|situation| slow(situation, RUMOUR_AGE), Verdict::Refuse(Outcome::TooLate));
    check(|situation| slow(situation, RUMOUR_AGE + MILLISECOND), Verdict::Admit);
    check(
        |situation| {
            slow(situation, RUMOUR_AGE + MILLISECOND);
            situation.running = 1;
        },
        Verdict::Refuse(Outcome::TooLate),
    );
}

#[test]
fn too_long_a_body_is_refused_before_everything_else() {
    check(|situation| situation.payload_bytes = Some(1001), Verdict::Refuse(Outcome::PayloadTooLarge));
    check(|situation| situation.payload_bytes = None, Verdict::Wait);
}

#[test]
fn a_deadline_that_has_passed_is_expired() {
    check(|situation| situation.deadline = situation.now, Verdict::Refuse(Outcome::Expired));
}

/// After half of its time, at 5 ms of wait and 15 ms of service.
fn half_way(situation: &mut Situation, bytes_left: u64) {
    situation.arrival = Some(Arrival { bytes: 1000, over: 100 * MILLISECOND, bytes_left });
}

#[test]
fn a_body_that_will_be_here_in_time_is_waited_for_and_one_that_will_not_is_refused() {
    // A quarter of 100 ms for each 1000 bytes, and 80 ms are left for them.
    check(|situation| half_way(situation, 3100), Verdict::Wait);
    check(|situation| half_way(situation, 3300), Verdict::Refuse(Outcome::TooLate));
    check(|situation| half_way(situation, u64::MAX), Verdict::Refuse(Outcome::TooLate));
}

#[test]
fn a_server_that_is_idle_or_unknown_does_not_save_a_slow_body() {
    let hopeless = Verdict::Refuse(Outcome::TooLate);
    check(
        |situation| {
            (situation.running, situation.measured) = (0, None);
            half_way(situation, 4100);
        },
        hopeless,
    );
    check(
        |situation| {
            situation.running = 0;
            let at = situation.now - RUMOUR_AGE - MILLISECOND;
            situation.measured = Some(Measured { mean: MILLISECOND, p95: MILLISECOND, at });
            half_way(situation, 4100);
        },
        hopeless,
    );
}

#[test]
fn a_connection_that_starts_slowly_is_given_time() {
    // 600 KB over a round trip of 50 ms, each carrying twice as much as the one before: there after 270 of 400 ms.
    for (trips, bytes) in [(1, 14_000), (2, 42_000), (3, 98_000), (4, 210_000), (5, 434_000)] {
        check(
            |situation| {
                situation.deadline = situation.now + (400 - trips * 50) * MILLISECOND;
                let over = trips * 50 * MILLISECOND;
                situation.arrival = Some(Arrival { bytes, over, bytes_left: 600_000 - bytes });
            },
            Verdict::Wait,
        );
    }
}
