//! The policy bundle: what a device needs to decide, also offline. Answer of `GET /v1alpha1/policy` and the file
//! `policy.json` of the policy `ConfigMap`.

use serde::{Deserialize, Serialize};

use crate::{Digest, Node};

/// Policy, model facts and endpoints of one offload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyBundle {
    /// `<generation>-<hash of the content>`; also the `ETag`.
    pub revision: String,
    /// Uid of the offload: one that is deleted and created again counts its generations anew. Empty outside a cluster.
    #[serde(default)]
    pub offload_uid: String,
    /// It was not issued before this moment, by the clock of the API server: seconds since 1970. No clock that is right tells
    /// an earlier time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at_unix_seconds: Option<u64>,
    /// The model.
    pub model: BundleModel,
    /// The owner's wishes.
    pub policy: OffloadPolicy,
    /// Longest and default time to answer.
    pub deadlines: Deadlines,
    /// Longest request body that the endpoint takes, in bytes.
    pub max_payload_bytes: u64,
    /// Nodes that serve the offload; empty in `policy.json`, filled from the table of nodes when served.
    #[serde(default)]
    pub endpoints: Vec<Node>,
    /// Measured at the endpoint that served the bundle; absent before its first request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_times: Option<ServiceTimes>,
}

/// What a device compares with its own capacity, and how it reads the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleModel {
    /// Name in protocol URLs.
    pub name: String,
    /// Version in protocol URLs, when the offload names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Digest of the model file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Size of the model file, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Words for the indices of the probabilities.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// `spec.offloadPolicy`, with its defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OffloadPolicy {
    /// Whether the device may choose.
    pub mode: Mode,
    /// Below this battery level work moves to the edge, in percent.
    pub battery_low_percent: u8,
    /// A local answer below this confidence is asked again at the edge, in percent; 0 never.
    pub escalate_below_confidence_percent: u8,
    /// Temperature of the softmax that makes a model's confidence honest, in percent; 100 leaves it as the model tells it.
    pub confidence_temperature_percent: u16,
    /// The other place must be better by this much before work moves, in percent.
    pub latency_margin_percent: u8,
    /// Work stays at least this long where it is, in seconds.
    pub min_dwell_seconds: u32,
    /// Work moves at most this often in any minute.
    pub max_moves_per_minute: u32,
    /// What to do when no place meets the deadline.
    pub fallback: Fallback,
    /// How long a device may use this bundle without hearing from an endpoint, in seconds.
    pub bundle_ttl_seconds: u32,
    /// What the input is.
    pub data_class: DataClass,
    /// A load report older than this counts as unknown, in milliseconds.
    pub load_stale_after_milliseconds: u32,
}

impl Default for OffloadPolicy {
    fn default() -> Self {
        Self {
            mode: Mode::Automatic,
            battery_low_percent: 20,
            escalate_below_confidence_percent: 0,
            confidence_temperature_percent: 100,
            latency_margin_percent: 20,
            min_dwell_seconds: 5,
            max_moves_per_minute: 6,
            fallback: Fallback::Local,
            bundle_ttl_seconds: 86_400,
            data_class: DataClass::Internal,
            load_stale_after_milliseconds: 5_000,
        }
    }
}

impl OffloadPolicy {
    /// The temperature as a number above 0.
    #[must_use]
    pub fn confidence_temperature(&self) -> f32 {
        f32::from(self.confidence_temperature_percent.max(1)) / 100.0
    }
}

/// Whether a device may choose the place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// The cheaper place that meets the deadline.
    #[default]
    Automatic,
    /// Always on the device.
    LocalOnly,
    /// Always at the edge.
    OffloadOnly,
}

/// What a device does when no place meets the deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fallback {
    /// Run the model on the device all the same.
    #[default]
    Local,
    /// Repeat the last answer.
    CachedResult,
    /// Say that there is no answer.
    Fail,
}

/// How far an input may travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataClass {
    /// Anywhere.
    Public,
    /// To the endpoints of the offload.
    #[default]
    Internal,
    /// Never off the device in raw form.
    Restricted,
}

/// `spec.admission` as devices see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deadlines {
    /// Used when a request names none, in milliseconds.
    pub default_milliseconds: u32,
    /// A longer one is shortened to this, in milliseconds.
    pub max_milliseconds: u32,
}

/// Time in the model server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTimes {
    /// Median, in microseconds.
    pub p50_microseconds: u64,
    /// 95th percentile, in microseconds.
    pub p95_microseconds: u64,
}
