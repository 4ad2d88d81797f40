use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use wire::{
    LoadReport,
    load::NamedMetrics,
    routes::{Observed, PeerRow},
};

use super::{Order, Query, ROUTES_MAX, resolve};
use crate::table::{Source, Table};

const SECOND: Duration = Duration::from_secs(1);
const QUERY: Query<'static> = Query {
    bytes: 10_000,
    deadline: Duration::from_millis(200),
    zone: "",
    digest: None,
    observed: &[],
    exclude: &[],
    stale_after: Duration::from_secs(5),
};

/// An endpoint with four slots.
fn add(table: &mut Table, now: Instant, id: &str, wait_ms: f64, service_ms: f64) {
    add_with(table, now, id, "", |load| {
        load.named_metrics.estimated_wait_ms = wait_ms;
        load.named_metrics.service_p50_ms = service_ms;
        load.named_metrics.service_p95_ms = service_ms * 1.5;
    });
}

fn add_with(table: &mut Table, now: Instant, id: &str, zone: &str, fill: impl Fn(&mut LoadReport)) {
    let mut load = LoadReport {
        named_metrics: NamedMetrics { service_p50_ms: 10.0, service_p95_ms: 15.0, ..NamedMetrics::default() },
        ..LoadReport::default()
    };
    fill(&mut load);
    let row = PeerRow {
        instance: id.into(),
        endpoint_id: id.into(),
        url: format!("http://{id}:1"),
        zone: zone.into(),
        max_concurrency: 4,
        load,
        ..PeerRow::default()
    };
    table.learn(now, &row, Source::Itself(SECOND));
}

fn order(table: &mut Table, now: Instant, random: u64, query: &Query<'_>) -> Vec<String> {
    match resolve(table, now, random, query) {
        Order::To(choices) => {
            choices.iter().map(|choice| table.endpoints()[choice.index].identity.id.clone()).collect()
        }
        Order::TooLate | Order::Nobody => Vec::new(),
    }
}

#[test]
fn the_sooner_answer_comes_first_and_fallbacks_follow_in_order() {
    let (mut table, now) = (Table::default(), Instant::now());
    add(&mut table, now, "slow", 0.0, 60.0);
    add(&mut table, now, "busy", 100.0, 10.0);
    add(&mut table, now, "best", 0.0, 10.0);
    for random in 0..20 {
        assert_eq!(order(&mut table, now, random, &QUERY), ["best", "slow", "busy"]);
        // Long enough for what was led there to be forgotten.
        table = Table::default();
        add(&mut table, now, "slow", 0.0, 60.0);
        add(&mut table, now, "busy", 100.0, 10.0);
        add(&mut table, now, "best", 0.0, 10.0);
    }
}

#[test]
fn near_equals_share_and_each_that_is_led_somewhere_counts_at_once() {
    let (mut table, now) = (Table::default(), Instant::now());
    for id in ["a", "b", "c", "d"] {
        add(&mut table, now, id, 0.0, 10.0);
    }
    let mut firsts: HashMap<String, u32> = HashMap::new();
    for random in 0..200 {
        *firsts.entry(order(&mut table, now, random, &QUERY)[0].clone()).or_default() += 1;
    }
    assert_eq!(firsts.len(), 4);
    assert!(firsts.values().all(|count| (45..=55).contains(count)), "{firsts:?}");
}

#[test]
fn what_the_device_measured_of_its_links_counts() {
    let (mut table, now) = (Table::default(), Instant::now());
    add(&mut table, now, "far", 0.0, 10.0);
    add(&mut table, now, "near", 15.0, 10.0);
    let seen = |id: &str, rtt: f32| Observed {
        endpoint_id: id.into(),
        rtt_milliseconds: Some(rtt),
        uplink_kilobits_per_second: None,
    };
    let observed = [seen("far", 60.0), seen("near", 5.0)];
    assert_eq!(order(&mut table, now, 1, &Query { observed: &observed, ..QUERY })[0], "near");
    let observed = [seen("far", 5.0), seen("near", 60.0)];
    assert_eq!(order(&mut table, now, 1, &Query { observed: &observed, ..QUERY })[0], "far");
}

#[test]
fn the_own_site_is_taken_to_be_nearer() {
    let (mut table, now) = (Table::default(), Instant::now());
    add_with(&mut table, now, "a", "one", |_| {});
    add_with(&mut table, now, "b", "two", |_| {});
    for (zone, first) in [("one", "a"), ("two", "b")] {
        for random in 0..8 {
            let at = now + 10 * random as u32 * SECOND;
            assert_eq!(order(&mut table, at, random, &Query { zone, ..QUERY })[0], first);
        }
    }
}

#[test]
fn nowhere_where_none_would_be_in_time_and_that_is_not_the_same_as_nobody() {
    let (mut table, now) = (Table::default(), Instant::now());
    assert_eq!(resolve(&mut table, now, 1, &QUERY), Order::Nobody);
    add(&mut table, now, "a", 500.0, 10.0);
    assert_eq!(resolve(&mut table, now, 1, &QUERY), Order::TooLate);
    let exclude = ["a".to_owned()];
    assert_eq!(resolve(&mut table, now, 1, &Query { exclude: &exclude, ..QUERY }), Order::Nobody);
    // 1 MB over 20 Mbit/s takes 400 ms.
    add(&mut table, now, "b", 0.0, 10.0);
    assert_eq!(resolve(&mut table, now, 1, &Query { bytes: 1_000_000, ..QUERY }), Order::TooLate);
}

#[test]
fn what_fails_fast_does_not_look_idle_and_what_is_silent_or_leaves_is_the_last_resort() {
    let (mut table, now) = (Table::default(), Instant::now());
    add(&mut table, now, "sound", 50.0, 10.0);
    add_with(&mut table, now, "failing", "", |load| {
        (load.eps, load.rps_fractional) = (9.0, 10.0);
        load.named_metrics.service_p50_ms = 0.1;
    });
    add(&mut table, now, "silent", 0.0, 10.0);
    table.cut("silent");
    add_with(&mut table, now, "leaving", "", |load| load.named_metrics.draining = 1.0);
    for random in 0..8 {
        let order = order(&mut table, now + 20 * random as u32 * SECOND / 20, random, &QUERY);
        assert_eq!(order[0], "sound");
        assert_eq!(order[3], "leaving");
    }
}

#[test]
fn what_is_unknown_or_old_is_taken_for_the_mean() {
    let (mut table, now) = (Table::default(), Instant::now());
    add(&mut table, now, "old", 0.0, 10.0);
    let later = now + 60 * SECOND;
    add(&mut table, later, "a", 40.0, 10.0);
    add(&mut table, later, "b", 41.0, 10.0);
    let Order::To(choices) = resolve(&mut table, later, 1, &QUERY) else { panic!() };
    let old = choices.iter().find(|choice| choice.index == 0).unwrap();
    assert!((20_000.0..=41_000.0).contains(&old.wait_us), "{old:?}");
}

#[test]
fn an_answer_is_short_and_names_none_twice() {
    let (mut table, now) = (Table::default(), Instant::now());
    for number in 0..100 {
        add(&mut table, now, &number.to_string(), 0.0, 10.0);
    }
    let mut order = order(&mut table, now, 7, &QUERY);
    assert_eq!(order.len(), ROUTES_MAX);
    order.sort();
    order.dedup();
    assert_eq!(order.len(), ROUTES_MAX);
}
