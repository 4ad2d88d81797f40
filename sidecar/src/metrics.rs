//! Counters for Prometheus. In: outcomes and durations. Out: one page of text. Labels come from enums only.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use std::fmt::Write;
use wire::Outcome;

use crate::{drain::Phase, endpoint::Endpoint, listen::sniff::Protocol, load};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: Word,
    protocol: Word,
}

/// A word of a fixed list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Word(&'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(self.0)
    }
}

/// What a device that asked for routes was told.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Routes,
    /// Stay where it is.
    TooLate,
    Nobody,
    /// It asks too often.
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Told {
    answer: Word,
}

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    running: Gauge,
    queued: Gauge,
    ready: Gauge,
    draining: Gauge,
    /// Open connections; the listener counts.
    pub connections: Gauge,
    /// Connections that had to make room.
    pub displaced: Counter,
    routes: Family<Told, Counter>,
    peers: Gauge,
    wait: Histogram,
    service: Histogram,
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("longshore_sidecar");
        // 0.1 ms to 26 s.
        let histogram = || Histogram::new(exponential_buckets(0.0001, 4.0, 10));
        let metrics = Self {
            requests: Family::default(),
            running: Gauge::default(),
            queued: Gauge::default(),
            ready: Gauge::default(),
            draining: Gauge::default(),
            connections: Gauge::default(),
            displaced: Counter::default(),
            routes: Family::default(),
            peers: Gauge::default(),
            wait: histogram(),
            service: histogram(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests by how they ended", metrics.requests.clone());
        registry.register("requests_running", "Requests inside the model server", metrics.running.clone());
        registry.register("requests_queued", "Requests that wait for a slot", metrics.queued.clone());
        registry.register("model_ready", "Whether the model is proved to answer", metrics.ready.clone());
        registry.register("draining", "Whether the endpoint is leaving", metrics.draining.clone());
        registry.register("connections", "Open connections", metrics.connections.clone());
        registry.register(
            "connections_displaced",
            "Connections that made room for another",
            metrics.displaced.clone(),
        );
        registry.register("routes", "Questions for routes by what was answered", metrics.routes.clone());
        registry.register("peers", "Peers that are heard", metrics.peers.clone());
        registry.register("wait_seconds", "Time from a body at hand to a slot", metrics.wait.clone());
        registry.register(
            "service_seconds",
            "Time until the model server's answer began",
            metrics.service.clone(),
        );
        Self { registry, ..metrics }
    }

    /// A request ended.
    pub fn count(&self, outcome: Outcome, protocol: Protocol) {
        let protocol = match protocol {
            Protocol::Http1 => "http1",
            Protocol::Http2 => "http2",
            Protocol::Grpc => "grpc",
        };
        self.requests
            .get_or_create(&Labels { outcome: Word(outcome.word()), protocol: Word(protocol) })
            .inc();
    }

    pub fn routed(&self, answer: Answer) {
        let word = match answer {
            Answer::Routes => "routes",
            Answer::TooLate => "too_late",
            Answer::Nobody => "nobody",
            Answer::Refused => "refused",
        };
        self.routes.get_or_create(&Told { answer: Word(word) }).inc();
    }

    pub fn waited(&self, time: Duration) {
        self.wait.observe(time.as_secs_f64());
    }

    pub fn served(&self, time: Duration) {
        self.service.observe(time.as_secs_f64());
    }
}

/// The page.
pub fn page(endpoint: &Endpoint) -> String {
    let metrics = &endpoint.metrics;
    let now = std::time::Instant::now();
    let situation = load::of_anyone(endpoint, now);
    metrics.running.set(situation.running.into());
    metrics.queued.set(situation.queued.into());
    metrics.ready.set(endpoint.ready.is_ready().into());
    metrics.peers.set(i64::try_from(endpoint.peers.lock().heard).unwrap_or(i64::MAX));
    metrics.draining.set((endpoint.drain.phase() > Phase::Serving).into());
    let mut page = String::new();
    // Writing into a String cannot fail.
    let _ = text::encode(&mut page, &metrics.registry);
    page
}
