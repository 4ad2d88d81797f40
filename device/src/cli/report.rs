//! An answer as one JSON line.

use std::time::Duration;

use longshore_device::Answer;
use serde::Serialize;

use super::spent::Spent;

/// The fields of the line. Absent ones are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report<'a> {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
    latency_milliseconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_milliseconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_milliseconds: Option<f64>,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_digest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    input: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    battery_percent: Option<f64>,
    #[serde(flatten)]
    spent: Spent,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        input: &'a str,
        answer: &'a Answer,
        battery_percent: Option<f32>,
        spent: Spent,
    ) -> Self {
        let milliseconds = |time: Duration, digits| rounded(time.as_secs_f64() * 1_000.0, digits);
        Self {
            outcome: answer.ending.word(),
            place: answer.place,
            endpoint: answer.endpoint.as_deref(),
            label: answer.label.as_deref(),
            confidence: answer.confidence.map(|confidence| rounded(f64::from(confidence), 4)),
            latency_milliseconds: milliseconds(answer.latency, 1),
            queue_milliseconds: answer.queue.map(|time| milliseconds(time, 3)),
            service_milliseconds: answer.service.map(|time| milliseconds(time, 3)),
            reason: answer.reason.word(),
            model_digest: answer.model_digest.as_deref(),
            detail: answer.detail.as_deref(),
            input,
            battery_percent: battery_percent.map(|percent| rounded(f64::from(percent), 1)),
            spent,
        }
    }

    /// The line, without its end.
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).expect("words and finite numbers always serialise")
    }
}

/// With this many digits behind the point.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}
