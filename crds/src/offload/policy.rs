//! What devices are told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What devices are told; published with the endpoints.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OffloadPolicy {
    /// Whether devices may choose the place.
    pub mode: Mode,
    /// Below this battery level work moves to the edge, in percent.
    #[schemars(range(min = 0, max = 100))]
    pub battery_low_percent: i32,
    /// A device asks the edge again when its own answer is less sure than this, in percent; 0: never.
    #[schemars(range(min = 0, max = 100))]
    pub escalate_below_confidence_percent: i32,
    /// Temperature of the softmax that makes the model's confidence honest, in percent; above 100 it is less sure of itself.
    #[schemars(range(min = 10, max = 1000))]
    pub confidence_temperature_percent: i32,
    /// The other place must be better by this much before work moves, in percent.
    #[schemars(range(min = 0, max = 100))]
    pub latency_margin_percent: i32,
    /// Work stays at least this long where it is, in seconds.
    #[schemars(range(min = 0, max = 3600))]
    pub min_dwell_seconds: i32,
    /// Work moves between the device and the edge at most this often in any minute.
    #[schemars(range(min = 1, max = 600))]
    pub max_moves_per_minute: i32,
    /// What a device does when no place meets the deadline.
    pub fallback: Fallback,
    /// How long a device may use its copy of the policy without hearing from an endpoint, in seconds.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub bundle_ttl_seconds: i32,
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
        }
    }
}

/// Whether devices may choose the place.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataClass {
    /// Anywhere.
    Public,
    /// To the endpoints of the offload.
    #[default]
    Internal,
    /// Never off the device in raw form.
    Restricted,
}

/// How devices choose between nodes.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Routing {
    /// A load report older than this counts as unknown, in milliseconds.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub load_stale_after_milliseconds: i32,
}

impl Default for Routing {
    fn default() -> Self {
        Self { load_stale_after_milliseconds: 5_000 }
    }
}
