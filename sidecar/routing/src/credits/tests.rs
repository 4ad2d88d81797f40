use std::time::{Duration, Instant};

use wire::{LoadReport, load::NamedMetrics, routes::PeerRow};

use super::Askers;
use crate::table::{Source, Table};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn when_many_are_asked_whoever_asks_again_and_again_waits_and_others_do_not() {
    let (mut askers, now) = (Askers::default(), Instant::now());
    let granted = (0..300).filter(|_| askers.enter(now, &1).is_ok()).count();
    assert_eq!(granted, 101, "devices behind one address may ask as long as there is room");
    let wait = askers.enter(now, &1).unwrap_err();
    assert!(wait <= Duration::from_secs(1) && !wait.is_zero());
    assert!((2..50).all(|other| askers.enter(now, &other).is_ok()));
    assert!(askers.enter(now + wait, &1).is_ok());
}

#[test]
fn there_is_an_end_to_all_questions_together() {
    let (mut askers, now) = (Askers::default(), Instant::now());
    let granted = (0..10_000).filter(|number| askers.enter(now, number).is_ok()).count();
    assert_eq!(granted, 200);
}

/// Four requests at once, each of 10 ms: 400 a second, and twice that is shared out.
fn row(instance: &str) -> PeerRow {
    let named_metrics = NamedMetrics { service_p50_ms: 10.0, ..NamedMetrics::default() };
    PeerRow {
        instance: instance.into(),
        endpoint_id: "a".into(),
        max_concurrency: 4,
        load: LoadReport { named_metrics, ..LoadReport::default() },
        ..PeerRow::default()
    }
}

/// What devices get of a fleet of one who ask one after the other, when all have asked: their classes, and milliseconds that
/// one request of theirs may take.
fn shares(now: Instant, devices: &[(&str, u64)]) -> Vec<u32> {
    let (mut askers, mut table) = (Askers::default(), Table::default());
    table.learn(now, &row("1"), Source::Itself(SECOND));
    let mut all = || {
        let ask = |(device, (class, milliseconds)): (usize, &(&str, u64))| {
            askers.enter(now, &device).ok();
            askers.share(&table, &device, class, Duration::from_millis(*milliseconds)).requests
        };
        devices.iter().enumerate().map(ask).collect::<Vec<u32>>()
    };
    all();
    all()
}

#[test]
fn what_the_fleet_can_do_is_shared_by_those_who_asked_lately() {
    let (mut askers, mut table, now) = (Askers::default(), Table::default(), Instant::now());
    table.learn(now, &row("1"), Source::Itself(SECOND));
    let mut share = |at: Instant, device: u32, table: &Table| {
        askers.enter(at, &device).unwrap();
        askers.share(table, &device, "", SECOND).requests
    };
    for device in 0..7 {
        share(now, device, &table);
    }
    assert_eq!(share(now, 7, &table), 100, "twice 400 a second for eight");
    assert_eq!(share(now, 7, &table), 100, "who asks again is no other");
    let idle = PeerRow { max_concurrency: 0, ..row("2") };
    table.learn(now, &idle, Source::Itself(SECOND));
    assert_eq!(share(now, 0, &table), 50, "another sidecar shares out the same fleet");
    table.cut(now, "2");
    assert_eq!(share(now + 60 * SECOND, 9, &table), 800, "the others left");
    table.cut(now, "1");
    assert_eq!(share(now + 60 * SECOND, 9, &table), 1, "never nothing");
}

#[test]
fn classes_share_before_their_devices_do() {
    // All can use more than there is: a request of 10 ms a time is 100 a second.
    let mut devices = vec![("camera", 10); 40];
    devices.extend([("glasses", 2); 4]);
    let shares = shares(Instant::now(), &devices);
    assert_eq!((shares[0], shares[43]), (10, 100));
}

#[test]
fn a_class_gets_no_more_than_it_can_use_where_others_go_short() {
    // Two pairs of glasses can use 20 a second each; the cameras 50 each, which is more than there is.
    let mut devices = vec![("camera", 20); 40];
    devices.extend([("glasses", 50); 2]);
    let shares = shares(Instant::now(), &devices);
    assert_eq!((shares[0], shares[41]), (760 / 40, 20));
}

#[test]
fn what_nobody_can_use_is_left_to_all() {
    // 10 and 20 a second, and 770 left.
    assert_eq!(shares(Instant::now(), &[("a", 100), ("b", 50)]), [10 + 385, 20 + 385]);
}

#[test]
fn classes_beyond_those_told_apart_are_one_and_a_name_is_free_again_when_its_devices_left() {
    let (mut askers, mut table, now) = (Askers::default(), Table::default(), Instant::now());
    table.learn(now, &row("1"), Source::Itself(SECOND));
    let mut share = |at: Instant, device: usize, class: &str| {
        askers.enter(at, &device).unwrap();
        askers.share(&table, &device, class, 10 * SECOND).requests
    };
    for device in 0..33 {
        share(now, device, &format!("class-{device}"));
    }
    // Sixteen with one device each, and one with seventeen.
    assert_eq!((share(now, 0, "class-0"), share(now, 32, "class-32")), (46, 2));
    let later = now + 60 * SECOND;
    share(later, 1, "other");
    assert_eq!(
        share(later, 2, "another").next_multiple_of(100),
        400,
        "the others left, and their places are free"
    );
    assert_eq!(share(later, 3, &"long".repeat(20)), 266);
    assert_eq!(share(later, 4, ""), 133, "with those of no class");
}

#[test]
fn a_fleet_that_nobody_has_measured_holds_nobody_back() {
    let (mut askers, mut table, now) = (Askers::default(), Table::default(), Instant::now());
    table.learn(now, &PeerRow { load: LoadReport::default(), ..row("1") }, Source::Itself(SECOND));
    askers.enter(now, &1).unwrap();
    assert_eq!(askers.share(&table, &1, "", SECOND).requests, super::REQUESTS_MAX as u32);
}
