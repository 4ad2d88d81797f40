//! What each node was measured to do. Devices guess by it before they have measured a node themselves.
//!
//! Load never enters here: a figure stands for ten minutes at least, and until it is a quarter off.

use std::collections::BTreeMap;

use crds::offload::CapacityStatus;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use wire::EndpointInfo;

use super::{endpoints, text, view::View, whole_seconds};

/// Time between two changes of figures that are known.
const EVERY: SignedDuration = SignedDuration::from_mins(10);
/// A figure that moved by less than one part in so many stays.
const PARTS: u64 = 4;
/// As many as the schema takes.
const ROWS_MAX: usize = 256;

/// Rows by node and digest: what was known, and what an endpoint told that is new or other by enough.
pub fn capacity(view: &View<'_>, known: &[CapacityStatus], now: Timestamp) -> Vec<CapacityStatus> {
    let is_due = known.iter().all(|row| now.duration_since(row.measured_at.0) >= EVERY);
    let stays = known.iter().filter(|row| runs(view, row));
    let mut rows: BTreeMap<_, _> = stays.map(|row| (key(row), row.clone())).collect();
    for row in
        endpoints::reached(view).filter_map(|probe| measured(view, &probe.node, probe.told.as_ref()?, now))
    {
        if rows.get(&key(&row)).is_none_or(|known| is_due && is_off(known, &row)) {
            rows.insert(key(&row), row);
        }
    }
    rows.into_values().take(ROWS_MAX).collect()
}

fn key(row: &CapacityStatus) -> (String, String) {
    (row.node.clone(), row.digest.clone())
}

/// Whether a pod of that model is on that node; it need not be ready.
fn runs(view: &View<'_>, row: &CapacityStatus) -> bool {
    view.fleet.pods.iter().any(|pod| {
        pod.node.as_ref() == Some(&row.node) && pod.digest.as_deref().unwrap_or_default() == row.digest
    })
}

/// One pod of the node answered; those beside it with the same model do as much. None before its first request.
fn measured(view: &View<'_>, node: &str, told: &EndpointInfo, now: Timestamp) -> Option<CapacityStatus> {
    let times = told.service_times?;
    let digest = told.model.digest.as_ref().map(ToString::to_string);
    let serving = view.fleet.pods.iter().filter(|pod| pod.ready && pod.node.as_deref() == Some(node));
    let alike = serving.filter(|pod| pod.digest == digest).count();
    let slots = usize::try_from(told.max_concurrency).unwrap_or(usize::MAX);
    let microseconds = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
    (alike > 0).then(|| CapacityStatus {
        node: node.into(),
        digest: digest.unwrap_or_default(),
        concurrency: text::count(slots.saturating_mul(alike)),
        service_time_p50_microseconds: microseconds(times.p50_microseconds),
        service_time_p95_microseconds: microseconds(times.p95_microseconds),
        measured_at: Time(whole_seconds(now)),
    })
}

/// Whether any figure moved by a quarter or more.
fn is_off(known: &CapacityStatus, row: &CapacityStatus) -> bool {
    let figures = |row: &CapacityStatus| {
        [i64::from(row.concurrency), row.service_time_p50_microseconds, row.service_time_p95_microseconds]
    };
    let moved =
        |(old, new): (i64, i64)| old != new && new.abs_diff(old).saturating_mul(PARTS) >= old.unsigned_abs();
    figures(known).into_iter().zip(figures(row)).any(moved)
}
