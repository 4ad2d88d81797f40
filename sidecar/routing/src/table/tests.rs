use std::time::{Duration, Instant};

use wire::{LoadReport, load::NamedMetrics, routes::PeerRow};

use super::{ENDPOINTS_MAX, Identity, Source, Table};

const SECOND: Duration = Duration::from_secs(1);
const ITSELF: Source = Source::Itself(SECOND);
const HEARSAY: Source = Source::Hearsay(SECOND);

fn row(endpoint: &str, instance: &str, wait_ms: f64) -> PeerRow {
    PeerRow {
        instance: instance.into(),
        endpoint_id: endpoint.into(),
        url: format!("http://{endpoint}:30080"),
        max_concurrency: 2,
        load: load(wait_ms),
        ..PeerRow::default()
    }
}

fn load(wait_ms: f64) -> LoadReport {
    let named_metrics = NamedMetrics { estimated_wait_ms: wait_ms, ..NamedMetrics::default() };
    LoadReport { named_metrics, ..LoadReport::default() }
}

fn aged(row: PeerRow, milliseconds: u32) -> PeerRow {
    PeerRow { age_milliseconds: milliseconds, ..row }
}

fn wait_ms(table: &Table, id: &str) -> f32 {
    table.endpoints()[table.find(id).unwrap()].standing.wait_us / 1000.0
}

fn is_silent(table: &Table, id: &str) -> bool {
    table.endpoints()[table.find(id).unwrap()].standing.is_silent
}

#[test]
fn an_endpoint_is_the_sum_of_its_pods_that_are_heard() {
    let (mut table, now) = (Table::default(), Instant::now());
    table.learn(now, &row("a", "1", 10.0), ITSELF);
    table.learn(now, &row("a", "2", 30.0), ITSELF);
    let standing = table.endpoints()[0].standing;
    assert_eq!((standing.wait_us, standing.slots), (20_000.0, 4.0), "which of them answers is chance");
    table.cut(now, "2");
    assert_eq!(table.endpoints()[0].standing.slots, 2.0);
    assert_eq!(wait_ms(&table, "a"), 10.0);
    table.cut(now, "1");
    assert!(is_silent(&table, "a"));
    assert_eq!(wait_ms(&table, "a"), 20.0, "the last that was heard is better than nothing");
}

#[test]
fn one_that_leaves_or_is_not_ready_takes_no_work_while_another_of_its_node_does() {
    let (mut table, now) = (Table::default(), Instant::now());
    for (metric, instance) in [("draining", "1"), ("not_ready", "2")] {
        let mut closed = row("a", instance, 50.0);
        let metrics = &mut closed.load.named_metrics;
        *(if metric == "draining" { &mut metrics.draining } else { &mut metrics.not_ready }) = 1.0;
        table.learn(now, &closed, ITSELF);
        assert!(table.endpoints()[0].standing.is_closed);
    }
    table.learn(now, &row("a", "3", 4.0), ITSELF);
    assert!(!table.endpoints()[0].standing.is_closed);
    assert_eq!(wait_ms(&table, "a"), 4.0);
}

#[test]
fn hearsay_is_taken_only_where_it_is_newer_and_the_pod_is_not_heard_itself() {
    let (mut table, now) = (Table::default(), Instant::now());
    table.learn(now, &aged(row("a", "1", 10.0), 2000), HEARSAY);
    table.learn(now, &aged(row("a", "1", 20.0), 3000), HEARSAY);
    assert_eq!(wait_ms(&table, "a"), 10.0, "older");
    table.learn(now, &aged(row("a", "1", 30.0), 1000), HEARSAY);
    assert_eq!(wait_ms(&table, "a"), 30.0, "newer");
    table.learn(now, &row("a", "1", 40.0), ITSELF);
    table.learn(now + SECOND, &row("a", "1", 50.0), HEARSAY);
    assert_eq!(wait_ms(&table, "a"), 40.0, "it speaks for itself");
    table.cut(now + SECOND, "1");
    table.learn(now + SECOND, &aged(row("a", "1", 70.0), 1), HEARSAY);
    assert!(is_silent(&table, "a"), "an echo of what was heard before");
    table.learn(now + 2 * SECOND, &row("a", "1", 60.0), HEARSAY);
    assert_eq!(wait_ms(&table, "a"), 60.0, "others may still hear it");
    table.learn(now, &aged(row("b", "9", 1.0), 60_000), HEARSAY);
    assert_eq!(table.find("b"), None, "a minute old");
}

#[test]
fn a_liar_moves_no_endpoint_and_fills_no_memory() {
    let (mut table, now) = (Table::default(), Instant::now());
    table.learn(now, &row("a", "1", 10.0), ITSELF);
    let lie = PeerRow { url: "http://elsewhere:1".into(), ..row("a", "x", f64::NAN) };
    table.learn(now, &lie, HEARSAY);
    assert_eq!(table.endpoints()[0].identity.url, "http://a:30080");
    table.learn(now, &row("a", "y", -1e300), HEARSAY);
    assert!(wait_ms(&table, "a").is_finite() && wait_ms(&table, "a") >= 0.0);
    for number in 0..2 * ENDPOINTS_MAX {
        table.learn(now, &row(&format!("e{number}"), &format!("i{number}"), 0.0), HEARSAY);
        table.learn(now, &row("a", &format!("p{number}"), 0.0), HEARSAY);
    }
    assert_eq!(table.endpoints().len(), ENDPOINTS_MAX);
    assert!(table.rows(now, usize::MAX).len() <= ENDPOINTS_MAX + 16);
}

#[test]
fn a_liar_takes_no_pod_from_its_endpoint_and_no_place_from_what_is_certain() {
    let (mut table, now) = (Table::default(), Instant::now());
    table.learn(now, &row("a", "1", 10.0), ITSELF);
    table.learn(now, &row("x", "1", 0.0), HEARSAY);
    table.told(now, "1", load(20.0), SECOND);
    assert_eq!(wait_ms(&table, "a"), 20.0, "its own reports stay its own");
    assert_eq!(table.find("x"), None, "and the lie leaves nothing behind");
    let long = PeerRow { url: "u".repeat(300), ..row("b", "2", 0.0) };
    table.learn(now, &long, ITSELF);
    assert_eq!(table.find("b"), None);
    for number in 0..40 {
        table.learn(now, &row("c", &format!("false-{number}"), 0.0), HEARSAY);
    }
    table.learn(now, &row("c", "true", 0.0), ITSELF);
    table.told(now, "true", load(30.0), SECOND);
    assert!(table.rows(now, 99).iter().any(|row| row.instance == "true"));
    for number in 0..2 * ENDPOINTS_MAX {
        table.learn(now, &row(&format!("e{number}"), &format!("i{number}"), 0.0), HEARSAY);
    }
    let listed = [Identity { id: "listed".into(), url: "http://l:1".into(), ..Identity::default() }];
    table.age(now, &listed);
    assert!(table.find("listed").is_some());
    let moved = PeerRow { url: "http://elsewhere:1".into(), ..row("listed", "l", 0.0) };
    table.learn(now, &moved, ITSELF);
    let at = &table.endpoints()[table.find("listed").unwrap()];
    assert_eq!(at.identity.url, "http://l:1", "the list has the last word");
}

#[test]
fn an_endpoint_serves_a_file_when_all_of_its_pods_do() {
    let (mut table, now) = (Table::default(), Instant::now());
    let digest = |byte: &str| wire::Digest::try_from(format!("sha256:{}", byte.repeat(32))).ok();
    let of = |instance: &str, byte: &str| PeerRow { model_digest: digest(byte), ..row("a", instance, 0.0) };
    table.learn(now, &of("1", "0a"), HEARSAY);
    assert_eq!(table.endpoints()[0].identity.digest, digest("0a"));
    table.learn(now, &of("2", "0b"), HEARSAY);
    assert_eq!(table.endpoints()[0].identity.digest, None);
    table.cut(now, "1");
    assert_eq!(table.endpoints()[0].identity.digest, digest("0b"));
}

#[test]
fn sums_follow_every_change() {
    let (mut table, now) = (Table::default(), Instant::now());
    let measured = |endpoint: &str, instance: &str, p50: f64| {
        let mut row = row(endpoint, instance, p50 / 2.0);
        (row.load.named_metrics.service_p50_ms, row.load.named_metrics.service_p95_ms) = (p50, p50 * 2.0);
        row
    };
    for (endpoint, instance, p50) in [("a", "1", 10.0), ("a", "2", 30.0), ("b", "3", 7.0), ("c", "4", 0.0)] {
        table.learn(now, &measured(endpoint, instance, p50), ITSELF);
    }
    table.told(now, "3", measured("b", "3", 17.0).load, SECOND);
    table.learn(now, &measured("c", "1", 5.0), ITSELF);
    table.cut(now, "2");
    let sums = |table: &Table| {
        let mean = table.mean();
        (mean.wait_us, mean.p50_us, mean.p95_us, table.per_second(), table.heard())
    };
    let kept = sums(&table);
    table.age(now, &[]);
    assert_eq!(kept, sums(&table));
    assert_eq!(kept.4, 3, "pods that are heard");
}

#[test]
fn what_a_peer_is_told_it_can_read_whatever_was_heard() {
    let (mut table, now) = (Table::default(), Instant::now());
    table.learn(now, &row("a", "1", 10.0), ITSELF);
    let mut message = Vec::new();
    wire::protobuf::double(&mut message, 9, f64::NAN);
    wire::protobuf::double(&mut message, 7, f64::INFINITY);
    table.told(now, "1", LoadReport::from_protobuf(&message), SECOND);
    let report = &table.rows(now, 9)[0].load;
    assert_eq!((report.application_utilization, report.eps), (0.0, 0.0));
}

#[test]
fn what_is_overdue_is_silent_and_after_two_minutes_gone_unless_it_is_listed() {
    let (mut table, now) = (Table::default(), Instant::now());
    table.learn(now, &row("a", "1", 10.0), ITSELF);
    table.learn(now, &row("b", "2", 10.0), ITSELF);
    table.age(now + 2 * SECOND, &[]);
    assert!(!is_silent(&table, "a"));
    let listed = [Identity { id: "b".into(), url: "http://moved:1".into(), ..Identity::default() }];
    table.age(now + 3 * SECOND, &listed);
    assert!(is_silent(&table, "a") && is_silent(&table, "b"));
    assert!(table.rows(now + 3 * SECOND, 9).is_empty(), "what is not heard is not repeated");
    table.age(now + 121 * SECOND, &listed);
    assert_eq!((table.find("a"), table.find("b")), (None, Some(0)));
    assert!(is_silent(&table, "b"), "the list does not make it heard");
    assert_eq!(table.endpoints()[0].identity.url, "http://moved:1");
    table.told(now + 122 * SECOND, "2", load(5.0), SECOND);
    assert!(!is_silent(&table, "b"));
}

#[test]
fn rows_go_from_table_to_table_with_their_age() {
    let (mut one, mut other, now) = (Table::default(), Table::default(), Instant::now());
    one.learn(now, &PeerRow { address: "192.0.2.1:8080".into(), ..row("a", "1", 10.0) }, ITSELF);
    for row in one.rows(now + SECOND, 9) {
        other.learn(now + SECOND, &row, HEARSAY);
    }
    assert_eq!(other.rows(now + 2 * SECOND, 9)[0].age_milliseconds, 2000);
    assert_eq!(other.addresses().collect::<Vec<_>>(), [("192.0.2.1:8080", "")]);
}
