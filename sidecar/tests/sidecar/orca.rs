//! Load reports as others read them: every carrier's form as the same list of figures, noughts left out.

use std::collections::BTreeMap;

use prost::Message;
use serde_json::Value;

pub type Figures = BTreeMap<String, f64>;

/// `xds.data.orca.v3.OrcaLoadReport`, decoded by another than the one that wrote it.
#[derive(Clone, PartialEq, Message)]
struct OrcaLoadReport {
    #[prost(double, tag = "1")]
    cpu_utilization: f64,
    #[prost(double, tag = "2")]
    mem_utilization: f64,
    #[prost(double, tag = "6")]
    rps_fractional: f64,
    #[prost(double, tag = "7")]
    eps: f64,
    #[prost(btree_map = "string, double", tag = "8")]
    named_metrics: BTreeMap<String, f64>,
    #[prost(double, tag = "9")]
    application_utilization: f64,
}

pub fn of_protobuf(message: &[u8]) -> Figures {
    let report = OrcaLoadReport::decode(message).unwrap();
    let named = report.named_metrics.into_iter().map(|(key, value)| (format!("named_metrics.{key}"), value));
    let own = [
        ("cpu_utilization", report.cpu_utilization),
        ("mem_utilization", report.mem_utilization),
        ("rps_fractional", report.rps_fractional),
        ("eps", report.eps),
        ("application_utilization", report.application_utilization),
    ];
    figures(own.map(|(key, value)| (key.to_owned(), value)).into_iter().chain(named))
}

pub fn of_json(report: &Value) -> Figures {
    let members = |value: &Value, prefix: &'static str| -> Vec<(String, Value)> {
        let members = value.as_object().unwrap().clone().into_iter();
        members.map(|(key, value)| (format!("{prefix}{key}"), value)).collect()
    };
    let all = members(report, "").into_iter().chain(members(&report["named_metrics"], "named_metrics."));
    figures(all.filter_map(|(key, value)| Some((key, value.as_f64()?))))
}

/// What stands behind `TEXT `.
pub fn of_text(report: &str) -> Figures {
    let pairs = report.split(", ").map(|pair| pair.split_once('=').unwrap());
    figures(pairs.map(|(key, value)| (key.to_owned(), value.parse().unwrap())))
}

fn figures(all: impl Iterator<Item = (String, f64)>) -> Figures {
    all.filter(|(_, value)| *value != 0.0).collect()
}

/// One of them; nought where it is left out.
pub fn figure(figures: &Figures, key: &str) -> f64 {
    figures.get(key).copied().unwrap_or_default()
}
