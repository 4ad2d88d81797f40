use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use admission::party::Source;

use crate::listen::{crowd::choose, pace::Standing};

const A: Source = Source::V4([192, 0, 2, 1]);
const B: Source = Source::V4([192, 0, 2, 2]);

/// Where it comes from, how it stands, and since which second.
type Seat = (Source, fn(Instant) -> Standing, u64);

#[track_caller]
fn goes(all: &[Seat], newcomer: Source, want: Option<usize>) {
    let start = Instant::now();
    let seat = |(index, (source, standing, since)): (usize, &Seat)| {
        (index as u64, *source, standing(start + Duration::from_secs(*since)))
    };
    let all: Vec<_> = all.iter().enumerate().map(seat).collect();
    assert_eq!(choose(&all, newcomer, 2), want.map(|index| index as u64));
}

fn busy(_: Instant) -> Standing {
    Standing::Busy
}

#[test]
fn whoever_has_most_makes_room() {
    use Standing::{Idle, Stranger, Stuck};
    goes(&[(A, Idle, 1), (B, Idle, 3), (B, Idle, 2)], A, Some(0));
    goes(&[(A, Idle, 1), (B, Idle, 3), (B, Idle, 2), (B, Idle, 4)], A, Some(2));
    goes(&[(A, Idle, 2), (B, Idle, 1), (B, Idle, 3)], B, Some(1));
    // What it has is busy: the next, but none that has less than the newcomer.
    goes(&[(B, busy, 1), (B, busy, 1), (A, Idle, 2)], Source::V6([0; 8]), Some(2));
    goes(&[(B, busy, 1), (B, busy, 1), (A, Idle, 2)], B, None);
    // Of one source: many strangers, the idle, the stuck, few strangers; the oldest of its kind.
    goes(&[(A, Idle, 1), (A, Stranger, 4), (A, Stranger, 3), (A, Stranger, 5)], A, Some(2));
    goes(&[(A, Stuck, 1), (A, Stranger, 1), (A, Stranger, 2), (A, Idle, 9)], A, Some(3));
    goes(&[(A, Stranger, 1), (A, Stuck, 2), (A, busy, 1)], A, Some(1));
    goes(&[(A, Stranger, 1), (A, busy, 1)], A, Some(0));
    goes(&[], A, None);
}

#[test]
fn a_prefix_is_one_source() {
    let source = |text: &str| Source::from(text.parse::<IpAddr>().expect("an address"));
    assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
    assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
    assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    assert_eq!(source("::ffff:192.0.2.1"), A);
}
