//! What nodes were measured to do, and how seldom that is written.

use wire::{EndpointInfo, bundle::ServiceTimes};

use super::*;

const MINUTE: i64 = 60;

impl Seen {
    /// The endpoint of a node tells its times, in microseconds.
    fn tell(&mut self, node: &str, p50: u64, p95: u64) {
        let digest = self.inputs.offload.spec.model.digest.clone().unwrap();
        let told: EndpointInfo = serde_json::from_value(json!({
            "endpointId": node, "url": "", "zone": "", "maxConcurrency": 3,
            "model": {"name": "person", "digest": digest},
        }))
        .unwrap();
        let times = ServiceTimes { p50_microseconds: p50, p95_microseconds: p95 };
        let probe = self.observed.probes.iter_mut().find(|probe| probe.node == node).unwrap();
        probe.told = Some(EndpointInfo { service_times: Some(times), ..told });
    }

    /// Looks, publishes, and gives what the status then says: node, concurrency, both times, and how long ago.
    fn rows(&mut self, seconds: i64) -> Vec<(String, i32, i64, i64, i64)> {
        let status = self.status_at(seconds);
        self.inputs.offload.status = Some(status.clone());
        let age = |row: &CapacityStatus| seconds - row.measured_at.0.as_second();
        let row = |row: CapacityStatus| {
            let age = age(&row);
            let (p50, p95) = (row.service_time_p50_microseconds, row.service_time_p95_microseconds);
            (row.node, row.concurrency, p50, p95, age)
        };
        status.capacity.into_iter().map(row).collect()
    }
}

fn row(node: &str, p50: i64, p95: i64, age: i64) -> (String, i32, i64, i64, i64) {
    (node.into(), 3, p50, p95, age)
}

#[test]
fn what_an_endpoint_tells_is_written_for_its_node_and_model() {
    let mut seen = serving();
    assert_eq!(seen.rows(NOW), [], "nobody was asked anything yet");
    seen.tell("edge-2", 9_100, 15_800);
    assert_eq!(seen.rows(NOW), [row("edge-2", 9_100, 15_800, 0)]);
    let digest = seen.inputs.offload.status.as_ref().unwrap().capacity[0].digest.clone();
    assert_eq!(Some(digest), seen.inputs.offload.spec.model.digest);
    seen.tell("edge-1", 4_000, 5_000);
    assert_eq!(seen.rows(NOW + 5), [row("edge-1", 4_000, 5_000, 0), row("edge-2", 9_100, 15_800, 5)]);
}

#[test]
fn pods_of_one_model_on_one_node_do_more_together() {
    let mut seen = serving();
    let second = seen.pod("p-2", Some("edge-1"), ready());
    seen.observed.world.pods[1] = second;
    seen.tell("edge-1", 4_000, 5_000);
    assert_eq!(seen.rows(NOW)[0].1, 6);
}

#[test]
fn a_figure_changes_after_ten_minutes_and_by_a_quarter() {
    let mut seen = serving();
    seen.tell("edge-1", 4_000, 8_000);
    seen.rows(NOW);
    seen.tell("edge-1", 40_000, 80_000);
    assert_eq!(seen.rows(NOW + 10 * MINUTE - 1), [row("edge-1", 4_000, 8_000, 10 * MINUTE - 1)], "too soon");
    seen.tell("edge-1", 3_001, 9_999);
    assert_eq!(seen.rows(NOW + 10 * MINUTE), [row("edge-1", 4_000, 8_000, 10 * MINUTE)], "too little");
    for (p50, p95) in [(3_000, 8_000), (4_000, 10_000)] {
        let mut seen = Seen { inputs: seen.inputs.clone(), observed: seen.observed.clone() };
        seen.tell("edge-1", p50, p95);
        let (p50, p95) = (p50 as i64, p95 as i64);
        assert_eq!(seen.rows(NOW + 10 * MINUTE), [row("edge-1", p50, p95, 0)]);
    }
}

#[test]
fn one_change_of_any_node_makes_all_wait() {
    let mut seen = serving();
    seen.tell("edge-1", 4_000, 8_000);
    seen.rows(NOW);
    seen.tell("edge-2", 4_000, 8_000);
    seen.rows(NOW + 9 * MINUTE);
    seen.tell("edge-1", 40_000, 80_000);
    let known = [row("edge-1", 4_000, 8_000, 18 * MINUTE), row("edge-2", 4_000, 8_000, 9 * MINUTE)];
    assert_eq!(seen.rows(NOW + 18 * MINUTE), known);
    assert_eq!(seen.rows(NOW + 19 * MINUTE)[0], row("edge-1", 40_000, 80_000, 0));
}

#[test]
fn a_row_stays_while_a_pod_of_its_model_is_on_its_node() {
    let mut seen = serving();
    seen.tell("edge-2", 4_000, 8_000);
    seen.rows(NOW);
    seen.probe("edge-2", ProbeResult::Unreachable("no answer".into()));
    seen.second(Some("edge-2"), stuck("containerStatuses", "runtime", json!({"running": {}}), json!({})));
    assert_eq!(seen.rows(NOW + 5), [row("edge-2", 4_000, 8_000, 5)], "silence is no news");
    seen.second(Some("edge-3"), ready());
    assert_eq!(seen.rows(NOW + 6), [], "its pod went");
}
