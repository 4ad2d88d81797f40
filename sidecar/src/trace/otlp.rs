//! Spans as OTLP over HTTP, in JSON. In: requests that ended. Out: at most one `POST` a second to the collector. A request
//! never waits for it: what does not fit into the queue is dropped, and so is what the collector does not take.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderValue, Request, header::CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};
use wire::Outcome;

use super::parent::{Parent, TRACEPARENT};
use crate::{
    config::{Address, Config},
    drain::Phase,
    endpoint::Endpoint,
    proxy::{upload::Upload, upstream::Upstream},
};

const QUEUE_MAX: usize = 1024;
const BATCH_MAX: usize = 256;
const PAUSE: Duration = Duration::from_secs(1);
const SEND_MAX: Duration = Duration::from_secs(5);

/// The way to the collector.
pub struct Traces {
    queue: Option<mpsc::Sender<Ended>>,
    /// Until [`start`] takes it.
    work: Mutex<Option<(Address, mpsc::Receiver<Ended>)>>,
}

/// The moments of a request that is followed.
#[derive(Default)]
pub struct Trace(Option<Box<Moments>>);

struct Moments {
    parent: Parent,
    /// The span of all of it, and that of serving, whose child is what the model server does.
    whole: String,
    serving: String,
    arrived: Instant,
    waits: Option<Instant>,
    serves: Option<Instant>,
}

struct Ended {
    moments: Box<Moments>,
    outcome: Outcome,
    at: Instant,
    clock: Duration,
}

impl Traces {
    pub fn new(config: &Config) -> Self {
        let Some(address) = config.trace_collector.clone() else {
            return Self { queue: None, work: Mutex::default() };
        };
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        Self { queue: Some(sender), work: Mutex::new(Some((address, receiver))) }
    }

    /// Follows a request that somebody follows already.
    pub fn begin(&self, headers: &HeaderMap, now: Instant) -> Trace {
        let parent = self.queue.as_ref().and_then(|_| Parent::of(headers));
        Trace(parent.map(|parent| {
            let (whole, serving) = (new_id(), new_id());
            Box::new(Moments { parent, whole, serving, arrived: now, waits: None, serves: None })
        }))
    }
}

impl Trace {
    /// It was let in and waits for a slot.
    pub fn waits(&mut self, now: Instant) {
        if let Some(moments) = &mut self.0 {
            moments.waits = Some(now);
        }
    }

    /// It goes to the model server, which is told whose child its work is.
    pub fn serves(&mut self, now: Instant, headers: &mut HeaderMap) {
        let Some(moments) = &mut self.0 else { return };
        moments.serves = Some(now);
        let parent = Parent { trace: moments.parent.trace.clone(), span: moments.serving.clone() };
        if let Some(line) = parent.line() {
            headers.insert(TRACEPARENT, line);
        }
    }

    pub fn end(&mut self, traces: &Traces, outcome: Outcome) {
        if let (Some(moments), Some(queue)) = (self.0.take(), &traces.queue) {
            let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let _ = queue.try_send(Ended { moments, outcome, at: Instant::now(), clock });
        }
    }
}

/// Begins to send what ends.
pub fn start(endpoint: &Arc<Endpoint>) {
    let work = endpoint.traces.work.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some((address, mut queue)) = work else { return };
    let (collector, endpoint) = (Upstream::new(address, 1), Arc::clone(endpoint));
    tokio::spawn(async move {
        let mut batch = Vec::new();
        loop {
            // More will have come by then; but not while leaving.
            let _ = timeout(PAUSE, endpoint.drain.reached(Phase::Drained)).await;
            if queue.recv_many(&mut batch, BATCH_MAX).await == 0 {
                return;
            }
            send(&collector, &endpoint, &batch).await;
            batch.clear();
        }
    });
}

async fn send(collector: &Arc<Upstream>, endpoint: &Endpoint, batch: &[Ended]) {
    let spans: Vec<Value> = batch.iter().flat_map(Ended::spans).collect();
    let resource = [
        attribute("service.name", env!("CARGO_PKG_NAME")),
        attribute("service.version", env!("CARGO_PKG_VERSION")),
        attribute("service.instance.id", &endpoint.config.advertise.endpoint_id),
    ];
    let body = json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": env!("CARGO_PKG_NAME")}, "spans": spans}],
    }]});
    let request = Request::post("/v1/traces")
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header("host", collector.host())
        .body(Upload::of([body.to_string().into()]));
    let Ok(request) = request else { return };
    match timeout(SEND_MAX, collector.send(request)).await {
        Ok(Ok(answer)) if answer.status().is_success() => {}
        Ok(Ok(answer)) => {
            tracing::warn!(status = answer.status().as_u16(), "the collector takes no spans")
        }
        Ok(Err(error)) => tracing::warn!(%error, "the collector cannot be reached"),
        Err(_) => tracing::warn!("the collector is silent"),
    }
}

impl Ended {
    fn spans(&self) -> Vec<Value> {
        const INTERNAL: u8 = 1;
        const SERVER: u8 = 2;
        const CLIENT: u8 = 3;
        let Moments { parent, whole, serving, arrived, waits, serves } = &*self.moments;
        let waited_to = serves.unwrap_or(self.at);
        let mut spans = vec![
            self.span("infer", SERVER, whole, &parent.span, (*arrived, self.at)),
            self.span("admit", INTERNAL, &new_id(), whole, (*arrived, waits.unwrap_or(self.at))),
        ];
        spans.extend(waits.map(|at| self.span("wait", INTERNAL, &new_id(), whole, (at, waited_to))));
        spans.extend(serves.map(|at| self.span("serve", CLIENT, serving, whole, (at, self.at))));
        let is_error = matches!(self.outcome, Outcome::Expired | Outcome::UpstreamFailed);
        spans[0]["attributes"] = json!([attribute("longshore.outcome", self.outcome.word())]);
        spans[0]["status"] = json!({"code": if is_error { 2 } else { 0 }});
        spans
    }

    fn span(&self, name: &str, kind: u8, id: &str, parent: &str, (from, to): (Instant, Instant)) -> Value {
        // JSON has no whole numbers of this size.
        let at = |moment| (self.clock.saturating_sub(self.at - moment)).as_nanos().to_string();
        json!({"name": name, "kind": kind, "traceId": self.moments.parent.trace, "spanId": id, "parentSpanId": parent,
            "startTimeUnixNano": at(from), "endTimeUnixNano": at(to)})
    }
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// Eight bytes that nobody else has, which need not be a secret; each state has keys of its own.
fn new_id() -> String {
    format!("{:016x}", RandomState::new().hash_one(Instant::now()).max(1))
}
