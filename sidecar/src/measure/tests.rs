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
    for value in 1..=1000 {
        recent.record(now, milliseconds(value));
    }
    // 937 to 1000 are left.
    assert_eq!(recent.percentile(50), Some(milliseconds(968)));
    assert_eq!(recent.percentile(95), Some(milliseconds(997)));
    assert_eq!(recent.mean(), Some(milliseconds(937 + 1000) / 2));
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
