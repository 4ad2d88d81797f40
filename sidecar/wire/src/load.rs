//! Load as `xds.data.orca.v3.OrcaLoadReport`, in its JSON, text and binary forms.
//!
//! One unknown top-level key makes Envoy reject a whole report, so everything of ours stands in `named_metrics`.
//! No wall-clock time inside: the receiver stamps arrival.

use serde::{Deserialize, Serialize};

use crate::{base64, protobuf};

/// Number of the protobuf field.
const NAMED_METRICS: u8 = 8;

/// How loaded an endpoint is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// `max(in_flight / maxConcurrency, estimated_wait / defaultTimeout)`; may exceed 1.
    #[serde(default)]
    pub application_utilization: f64,
    /// Requests per second that went to the model server lately; older ones fade with a time constant of five seconds.
    #[serde(default)]
    pub rps_fractional: f64,
    /// Errors per second lately, fading likewise: upstream failures and expiries.
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
    /// 1 while the model does not answer.
    #[serde(default)]
    pub not_ready: f64,
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
        let own = self.figures().into_iter().map(|(_, key, value)| (key.to_owned(), value));
        let named = self.named_metrics.figures().into_iter();
        let named = named.map(|(key, value)| (format!("named_metrics.{key}"), value));
        let pairs: Vec<String> = own
            .chain(named)
            .filter(|(_, value)| *value != 0.0)
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        format!("TEXT {}", pairs.join(", "))
    }

    /// The message as protobuf, zero fields left out.
    #[must_use]
    pub fn to_protobuf(&self) -> Vec<u8> {
        let mut message = Vec::new();
        for (field, _, value) in self.figures().into_iter().filter(|(_, _, value)| *value != 0.0) {
            protobuf::double(&mut message, field, value);
        }
        for (key, value) in self.named_metrics.figures().into_iter().filter(|(_, value)| *value != 0.0) {
            let mut entry = protobuf::text(key);
            protobuf::double(&mut entry, 2, value);
            protobuf::bytes(&mut message, NAMED_METRICS, &entry);
        }
        message
    }

    /// Reads a message of the out-of-band stream. What it does not say is 0, and what is not known here is left out.
    #[must_use]
    pub fn from_protobuf(message: &[u8]) -> Self {
        let mut report = Self::default();
        for (field, value) in protobuf::double_fields(message) {
            match field {
                9 => report.application_utilization = value,
                6 => report.rps_fractional = value,
                7 => report.eps = value,
                1 => report.cpu_utilization = value,
                2 => report.mem_utilization = value,
                _ => {}
            }
        }
        for (_, entry) in
            protobuf::byte_fields(message).filter(|(field, _)| *field == u64::from(NAMED_METRICS))
        {
            let key = protobuf::byte_fields(entry).find(|(field, _)| *field == 1);
            let value = protobuf::double_fields(entry).find(|(field, _)| *field == 2);
            let value = value.map_or(0.0, |(_, value)| value);
            let named = &mut report.named_metrics;
            match key.map_or(&[][..], |(_, key)| key) {
                b"in_flight" => named.in_flight = value,
                b"queued" => named.queued = value,
                b"estimated_wait_ms" => named.estimated_wait_ms = value,
                b"service_p50_ms" => named.service_p50_ms = value,
                b"service_p95_ms" => named.service_p95_ms = value,
                b"draining" => named.draining = value,
                b"not_ready" => named.not_ready = value,
                _ => {}
            }
        }
        report
    }

    /// The value of the header and trailer `endpoint-load-metrics-bin`.
    #[must_use]
    pub fn to_binary_header(&self) -> String {
        base64::encode(&self.to_protobuf())
    }

    /// Numbers of the protobuf fields, keys and values.
    fn figures(&self) -> [(u8, &'static str, f64); 5] {
        [
            (9, "application_utilization", self.application_utilization),
            (6, "rps_fractional", self.rps_fractional),
            (7, "eps", self.eps),
            (1, "cpu_utilization", self.cpu_utilization),
            (2, "mem_utilization", self.mem_utilization),
        ]
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

impl NamedMetrics {
    fn figures(&self) -> [(&'static str, f64); 7] {
        [
            ("in_flight", self.in_flight),
            ("queued", self.queued),
            ("estimated_wait_ms", self.estimated_wait_ms),
            ("service_p50_ms", self.service_p50_ms),
            ("service_p95_ms", self.service_p95_ms),
            ("draining", self.draining),
            ("not_ready", self.not_ready),
        ]
    }
}
