use super::*;

fn milliseconds(value: u64) -> Duration {
    Duration::from_millis(value)
}

#[test]
fn nothing_is_known_before_the_first_sample() {
    let recent = Recent::default();
    assert_eq!((recent.mean(), recent.percentile(95), recent.last()), (None, None, None));
}

#[test]
fn percentiles_are_those_of_the_last_samples_only() {
    let (mut recent, now) = (Recent::default(), Instant::now());
    // 1 to 1000 in an order that goes up and down: a server that only slows down is one that changes.
    for value in 0..1000 {
        recent.record(now, milliseconds(value * 387 % 1000 + 1));
    }
    let mut last: Vec<_> = (936..1000).map(|value| milliseconds(value * 387 % 1000 + 1)).collect();
    last.sort_unstable();
    assert_eq!(recent.percentile(50), Some(last[31]));
    assert_eq!(recent.percentile(95), Some(last[60]));
    assert_eq!(recent.mean(), Some(last.iter().sum::<Duration>() / 64));
}

#[test]
fn one_slow_request_does_not_move_the_p95_and_four_do() {
    let (mut recent, now) = (Recent::default(), Instant::now());
    (0..64).for_each(|_| recent.record(now, milliseconds(10)));
    recent.record(now, milliseconds(900));
    assert_eq!(recent.percentile(95), Some(milliseconds(10)));
    (0..3).for_each(|_| recent.record(now, milliseconds(900)));
    assert_eq!(recent.percentile(95), Some(milliseconds(900)));
}

#[test]
fn a_server_that_became_fast_or_slow_is_known_after_four_requests() {
    let now = Instant::now();
    for (before, after) in [(900, 10), (10, 900)] {
        let mut recent = Recent::default();
        (0..64).for_each(|_| recent.record(now, milliseconds(before)));
        (0..4).for_each(|_| recent.record(now, milliseconds(after)));
        let known = [recent.percentile(5), recent.percentile(95), recent.mean()];
        assert_eq!(known, [Some(milliseconds(after)); 3]);
    }
}

#[test]
fn after_a_silence_one_fast_request_is_believed_and_one_slow_one_is_not() {
    let now = Instant::now();
    let later = now + milliseconds(1001);
    let mut recent = Recent::default();
    (0..64).for_each(|_| recent.record(now, milliseconds(900)));
    recent.record(later, milliseconds(10));
    assert_eq!(recent.percentile(95), Some(milliseconds(10)));
    let mut recent = Recent::default();
    (0..64).for_each(|_| recent.record(now, milliseconds(10)));
    recent.record(later, milliseconds(900));
    assert_eq!(recent.percentile(95), Some(milliseconds(10)));
}

#[test]
fn a_rate_settles_and_fades() {
    let (mut rate, start) = (Rate::default(), Instant::now());
    for event in 0..400 {
        rate.record(start + milliseconds(event * 100));
    }
    let busy = rate.at(start + milliseconds(40_000));
    assert!((9.0..11.0).contains(&busy), "{busy}");
    let later = rate.at(start + milliseconds(70_000));
    assert!(later < 0.1, "{later}");
}
