//! What devices get, from the spec: the words of the API become the words of the wire.

use std::collections::BTreeMap;

use crds::{InferenceOffload, offload::CapacityStatus};
use wire::{PolicyBundle, bundle, config::Admission};

use crate::{names, valid::ValidModel};

/// Policy and model facts, with a revision that names generation and content.
pub fn bundle(offload: &InferenceOffload, admission: &Admission, model: &ValidModel) -> PolicyBundle {
    let mut bundle = PolicyBundle {
        revision: String::new(),
        offload_uid: offload.metadata.uid.clone().unwrap_or_default(),
        issued_at_unix_seconds: None,
        model: bundle::BundleModel {
            name: model.name.clone(),
            version: Some(model.version.clone()),
            digest: model.digest.clone(),
            size_bytes: model.size_bytes,
            labels: model.labels.clone(),
        },
        policy: policy(offload),
        deadlines: bundle::Deadlines {
            default_milliseconds: admission.default_timeout_milliseconds,
            max_milliseconds: admission.max_timeout_milliseconds,
        },
        max_payload_bytes: admission.max_payload_bytes,
        endpoints: Vec::new(),
        service_times: None,
    };
    let content = serde_json::to_vec(&bundle).expect("a bundle is a tree of plain values");
    let generation = offload.metadata.generation.unwrap_or_default();
    bundle.revision = format!("{generation}-{}", names::short_hash(&content));
    let created = offload.metadata.creation_timestamp.as_ref();
    bundle.issued_at_unix_seconds = created.and_then(|time| u64::try_from(time.0.as_second()).ok());
    bundle
}

/// What the status records of each node that ran the model, whatever else runs there.
pub fn service_times(
    offload: &InferenceOffload,
    model: &ValidModel,
) -> BTreeMap<String, bundle::ServiceTimes> {
    let digest = model.digest.as_ref().map_or("", |digest| digest.as_str());
    let rows = offload.status.iter().flat_map(|status| &status.capacity).filter(|row| row.digest == digest);
    let microseconds = |time: i64| u64::try_from(time).unwrap_or_default();
    let times = |row: &CapacityStatus| bundle::ServiceTimes {
        p50_microseconds: microseconds(row.service_time_p50_microseconds),
        p95_microseconds: microseconds(row.service_time_p95_microseconds),
    };
    rows.map(|row| (row.node.clone(), times(row))).collect()
}

fn policy(offload: &InferenceOffload) -> bundle::OffloadPolicy {
    use crds::offload::{DataClass, Fallback, Mode};
    let wish = &offload.spec.offload_policy;
    let percent = |number: i32| u8::try_from(number.clamp(0, 100)).unwrap_or_default();
    bundle::OffloadPolicy {
        mode: match wish.mode {
            Mode::Automatic => bundle::Mode::Automatic,
            Mode::LocalOnly => bundle::Mode::LocalOnly,
            Mode::OffloadOnly => bundle::Mode::OffloadOnly,
        },
        battery_low_percent: percent(wish.battery_low_percent),
        escalate_below_confidence_percent: percent(wish.escalate_below_confidence_percent),
        confidence_temperature_percent: u16::try_from(wish.confidence_temperature_percent).unwrap_or(100),
        latency_margin_percent: percent(wish.latency_margin_percent),
        min_dwell_seconds: super::unsigned(wish.min_dwell_seconds),
        max_moves_per_minute: super::unsigned(wish.max_moves_per_minute),
        fallback: match wish.fallback {
            Fallback::Local => bundle::Fallback::Local,
            Fallback::CachedResult => bundle::Fallback::CachedResult,
            Fallback::Fail => bundle::Fallback::Fail,
        },
        bundle_ttl_seconds: super::unsigned(wish.bundle_ttl_seconds),
        data_class: match offload.spec.data_class {
            DataClass::Public => bundle::DataClass::Public,
            DataClass::Internal => bundle::DataClass::Internal,
            DataClass::Restricted => bundle::DataClass::Restricted,
        },
        load_stale_after_milliseconds: super::unsigned(offload.spec.routing.load_stale_after_milliseconds),
    }
}
