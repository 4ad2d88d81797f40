use std::time::{Duration, Instant};

use wire::{LoadReport, load::NamedMetrics, routes::PeerRow};

use super::Askers;
use crate::table::{Source, Table};

#[test]
fn whoever_asks_again_and_again_waits_and_others_do_not() {
    let (mut askers, now) = (Askers::default(), Instant::now());
    let granted = (0..100).filter(|_| askers.enter(now, &1).is_ok()).count();
    assert_eq!(granted, 8);
    let wait = askers.enter(now, &1).unwrap_err();
    assert!(wait <= Duration::from_secs(1) && !wait.is_zero());
    assert!(askers.enter(now, &2).is_ok());
    assert!(askers.enter(now + wait, &1).is_ok());
}

#[test]
fn strangers_beyond_measure_share_one_account() {
    let (mut askers, now) = (Askers::default(), Instant::now());
    let granted = (0..10_000).filter(|number| askers.enter(now, number).is_ok()).count();
    assert_eq!(granted, 4096 + 8);
}

#[test]
fn what_the_fleet_can_do_is_shared_by_those_who_asked_lately() {
    let (mut askers, mut table, now) = (Askers::default(), Table::default(), Instant::now());
    let named_metrics = NamedMetrics { service_p50_ms: 10.0, ..NamedMetrics::default() };
    let row = PeerRow {
        instance: "1".into(),
        endpoint_id: "a".into(),
        max_concurrency: 4,
        load: LoadReport { named_metrics, ..LoadReport::default() },
        ..PeerRow::default()
    };
    table.learn(now, &row, Source::Itself(Duration::from_secs(1)));
    let share = |askers: &Askers<u32>, sidecars| askers.share(&table, sidecars).requests;
    for device in 0..8 {
        askers.enter(now, &device).unwrap();
    }
    assert_eq!(share(&askers, 1), 100, "twice 400 a second for eight");
    assert_eq!(share(&askers, 2), 50, "another sidecar shares out the same fleet");
    askers.enter(now + Duration::from_secs(60), &9).unwrap();
    assert_eq!(share(&askers, 1), 800, "the others left");
    table.cut("1");
    assert_eq!(askers.share(&table, 1).requests, 1, "never nothing");
}
