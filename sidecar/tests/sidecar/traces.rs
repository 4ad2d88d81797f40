//! Spans of inferences, as a collector gets them.

use std::{
    io::BufReader,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread::spawn,
};

use serde_json::Value;

use crate::{
    grpc_client,
    grpc_server::GrpcServer,
    harness::{Sidecar, eventually},
    server::{Server, answer, read_body, read_head},
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What takes spans.
struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = Self { address: listener.local_addr().unwrap(), spans: Arc::default() };
        let spans = Arc::clone(&collector.spans);
        spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let Some(head) = read_head(&mut reader) else { continue };
                assert_eq!(head.line, "POST /v1/traces HTTP/1.1");
                assert_eq!(head.header("content-type"), Some("application/json"));
                let batch: Value = serde_json::from_slice(&read_body(&mut reader, &head).unwrap()).unwrap();
                let batch = &batch["resourceSpans"][0];
                assert_eq!(batch["resource"]["attributes"][2]["value"]["stringValue"], "edge-3");
                let new = batch["scopeSpans"][0]["spans"].as_array().unwrap().clone();
                spans.lock().unwrap().extend(new);
                answer(&mut stream, "200 OK", "{}");
            }
        });
        collector
    }

    fn sidecar(&self, server: &impl crate::harness::Behind) -> Sidecar {
        Sidecar::with(server, |config| {
            config["traceCollector"] = format!("http://{}", self.address).into();
            config["admission"]["maxPayloadBytes"] = 100.into();
        })
    }

    /// The spans of the next request.
    fn take(&self) -> Vec<Value> {
        eventually("spans", || !self.spans.lock().unwrap().is_empty());
        std::mem::take(&mut *self.spans.lock().unwrap())
    }
}

fn names(spans: &[Value]) -> Vec<&str> {
    spans.iter().map(|span| span["name"].as_str().unwrap()).collect()
}

fn nanoseconds(span: &Value, key: &str) -> u128 {
    span[key].as_str().unwrap().parse().unwrap()
}

#[test]
fn an_inference_is_a_span_with_one_each_for_admit_wait_and_serve() {
    let (server, collector) = (Server::start(), Collector::start());
    let sidecar = collector.sidecar(&server);
    assert_eq!(sidecar.infer(&format!("traceparent: {PARENT}\r\n"), "{}").outcome(), "served");
    let spans = collector.take();
    assert_eq!(names(&spans), ["infer", "admit", "wait", "serve"]);
    let whole = &spans[0];
    assert_eq!((&whole["parentSpanId"], &whole["kind"]), (&"b7ad6b7169203331".into(), &2.into()));
    assert_eq!(whole["attributes"][0]["value"]["stringValue"], "served");
    for span in &spans {
        assert_eq!(span["traceId"], TRACE);
        assert!(nanoseconds(whole, "startTimeUnixNano") <= nanoseconds(span, "startTimeUnixNano"));
        assert!(nanoseconds(span, "endTimeUnixNano") <= nanoseconds(whole, "endTimeUnixNano"));
    }
    for pair in spans[1..].windows(2) {
        assert_eq!(pair[0]["endTimeUnixNano"], pair[1]["startTimeUnixNano"]);
        assert_ne!(pair[0]["spanId"], pair[1]["spanId"]);
    }
    assert!(spans[1..].iter().all(|span| span["parentSpanId"] == whole["spanId"]));
    let told = format!("00-{TRACE}-{}-01", spans[3]["spanId"].as_str().unwrap());
    assert_eq!(server.inferences()[0].header("traceparent"), Some(told.as_str()));
}

#[test]
fn a_refusal_ends_where_it_was_refused() {
    let (server, collector) = (Server::start(), Collector::start());
    let sidecar = collector.sidecar(&server);
    let refused = sidecar.infer(&format!("traceparent: {PARENT}\r\n"), &"x".repeat(101));
    assert_eq!(refused.outcome(), "payload_too_large");
    let spans = collector.take();
    assert_eq!(names(&spans), ["infer", "admit"]);
    assert_eq!(spans[0]["attributes"][0]["value"]["stringValue"], "payload_too_large");
}

#[test]
fn who_is_not_followed_is_not_recorded_and_the_line_passes_as_it_is() {
    let (server, collector) = (Server::start(), Collector::start());
    let sidecar = collector.sidecar(&server);
    for line in [
        PARENT.replace("-01", "-00"),
        PARENT.replace("00-0af", "ff-0af"),
        format!("{PARENT}-more"),
        PARENT.to_uppercase().replace("-01", "-0A"),
        PARENT.replace(TRACE, &"0".repeat(32)),
        "00-x".into(),
    ] {
        assert_eq!(sidecar.infer(&format!("traceparent: {line}\r\n"), "{}").outcome(), "served");
        assert_eq!(server.inferences().last().unwrap().header("traceparent"), Some(line.as_str()));
    }
    assert_eq!(sidecar.infer("", "{}").outcome(), "served");
    // They would have come before this one.
    assert_eq!(sidecar.infer(&format!("traceparent: {PARENT}\r\n"), "{}").outcome(), "served");
    assert_eq!(names(&collector.take()), ["infer", "admit", "wait", "serve"]);
}

#[test]
fn a_call_is_followed_too_and_a_collector_that_is_gone_harms_nobody() {
    let (server, collector) = (GrpcServer::start(), Collector::start());
    let sidecar = collector.sidecar(&server);
    let ended = grpc_client::infer(&sidecar, &[("traceparent", PARENT)], b"");
    assert_eq!(ended.outcome(), "served");
    let spans = collector.take();
    assert_eq!(names(&spans), ["infer", "admit", "wait", "serve"]);
    let seen = server.calls("ModelInfer").pop().unwrap();
    assert!(seen.header("traceparent").unwrap().contains(spans[3]["spanId"].as_str().unwrap()));

    let nobody = Sidecar::with(&server, |config| config["traceCollector"] = "http://127.0.0.1:1".into());
    assert_eq!(grpc_client::infer(&nobody, &[("traceparent", PARENT)], b"").outcome(), "served");
    eventually("the warning", || nobody.log().contains("the collector cannot be reached"));
    assert_eq!(grpc_client::infer(&nobody, &[("traceparent", PARENT)], b"").outcome(), "served");
}
