//! Load as `xds.data.orca.v3.OrcaLoadReport`, in its JSON form.
//!
//! One unknown top-level key makes Envoy reject a whole report, so everything of ours stands in `named_metrics`.
//! No wall-clock time inside: the receiver stamps arrival.

use serde::{Deserialize, Serialize};

/// How loaded an endpoint is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// `max(in_flight / maxConcurrency, estimated_wait / defaultTimeout)`; may exceed 1.
    #[serde(default)]
    pub application_utilization: f64,
    /// Requests per second that ended lately.
    #[serde(default)]
    pub rps_fractional: f64,
    /// Errors per second lately: upstream failures and expiries.
    #[serde(default)]
    pub eps: f64,
    /// Share of the sidecar's container in its CPU limit, or in all processors, since the look before, which is at least a
    /// second old; 0 where it cannot be read (cgroup version 2 only).
    #[serde(default)]
    pub cpu_utilization: f64,
    /// Share of the sidecar's container in its memory limit, or in the machine's memory; 0 where it cannot be read.
    #[serde(default)]
    pub mem_utilization: f64,
    /// What the ORCA message has no field for.
    #[serde(default)]
    pub named_metrics: NamedMetrics,
}

/// Our own figures inside a [`LoadReport`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NamedMetrics {
    /// Requests inside the model server.
    #[serde(default)]
    pub in_flight: f64,
    /// Requests waiting in the sidecar.
    #[serde(default)]
    pub queued: f64,
    /// How long a request that arrives at once would wait, in milliseconds.
    #[serde(default)]
    pub estimated_wait_ms: f64,
    /// Median time in the model server, in milliseconds; 0 before the first measurement.
    #[serde(default)]
    pub service_p50_ms: f64,
    /// 95th percentile of the time in the model server, in milliseconds; 0 before the first measurement.
    #[serde(default)]
    pub service_p95_ms: f64,
    /// 1 while the endpoint is leaving.
    #[serde(default)]
    pub draining: f64,
}

/// A header value that is not a JSON load report.
#[derive(Debug, thiserror::Error)]
#[error("not a load report of the form \"JSON {{...}}\"")]
pub struct InvalidReport;

impl LoadReport {
    /// The header value `JSON {...}`.
    #[must_use]
    pub fn to_json_header(&self) -> String {
        let json = serde_json::to_string(self).expect("numbers and fixed keys always serialise");
        format!("JSON {json}")
    }

    /// The header value `TEXT key=value, ...`, zero fields left out as gRPC's ORCA text form does.
    #[must_use]
    pub fn to_text_header(&self) -> String {
        let named = &self.named_metrics;
        let fields = [
            ("application_utilization", self.application_utilization),
            ("rps_fractional", self.rps_fractional),
            ("eps", self.eps),
            ("cpu_utilization", self.cpu_utilization),
            ("mem_utilization", self.mem_utilization),
            ("named_metrics.in_flight", named.in_flight),
            ("named_metrics.queued", named.queued),
            ("named_metrics.estimated_wait_ms", named.estimated_wait_ms),
            ("named_metrics.service_p50_ms", named.service_p50_ms),
            ("named_metrics.service_p95_ms", named.service_p95_ms),
            ("named_metrics.draining", named.draining),
        ];
        let pairs: Vec<String> = fields
            .iter()
            .filter(|(_, value)| *value != 0.0)
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        format!("TEXT {}", pairs.join(", "))
    }

    /// Reads a header value of the form `JSON {...}`.
    ///
    /// # Errors
    /// When the prefix is missing or the rest is not a report.
    pub fn from_json_header(value: &str) -> Result<Self, InvalidReport> {
        let json = value.strip_prefix("JSON ").ok_or(InvalidReport)?;
        serde_json::from_str(json).map_err(|_| InvalidReport)
    }
}
