//! The load report beside what the model server sees: the same in every carrier, and right while the server is busy.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use wire::grpc::frame;

use crate::{
    grpc_client::{begin, call, connect},
    grpc_load::{every, open, report},
    grpc_server::{GrpcServer, ok},
    harness::{Behind, Sidecar, eventually, infer},
    http2::block_on,
    orca::{Figures, figure, of_json, of_protobuf, of_text},
    server::{ANSWER, Door, Server, answer},
};

/// The report over each of its carriers, by the carrier's name.
fn carriers(sidecar: &Sidecar) -> Vec<(&'static str, Figures)> {
    let header = |form: &str, name: &str| {
        let request =
            format!("GET /nowhere HTTP/1.1\r\nHost: a\r\nendpoint-load-metrics-format: {form}\r\n\r\n");
        sidecar.client().ask(&request).header(name).unwrap().to_owned()
    };
    let parsed = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let binary = |text: &str| of_protobuf(&base64(text));
    let json_header = header("json", "endpoint-load-metrics");
    let text_header = header("text", "endpoint-load-metrics");
    let binary_header = header("bin", "endpoint-load-metrics-bin");
    let health =
        call(sidecar, "grpc.health.v1.Health/Check", &[("endpoint-load-metrics-format", "bin")], frame(&[]));
    let stream =
        block_on(async { report(&mut open(&mut connect(sidecar.address).await, every(60, 0)).await).await });
    vec![
        ("header as JSON", of_json(&parsed(json_header.strip_prefix("JSON ").unwrap()))),
        ("header as text", of_text(text_header.strip_prefix("TEXT ").unwrap())),
        ("header in base64", binary(&binary_header)),
        ("trailer", binary(health.line("endpoint-load-metrics-bin").unwrap())),
        ("stream", stream),
    ]
}

fn page(sidecar: &Sidecar) -> Figures {
    of_json(&sidecar.get("/v1alpha1/load").json())
}

/// What the process itself uses changes as it likes; all else stands still or fades while nothing happens.
fn without_usage(mut figures: Figures) -> Figures {
    figures.retain(|key, _| !["cpu_utilization", "mem_utilization"].contains(&key.as_str()));
    figures
}

fn base64(text: &str) -> Vec<u8> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.decode(text).unwrap()
}

#[test]
fn every_carrier_tells_the_same_and_what_the_server_sees() {
    let (http, grpc, door) = (Server::start(), GrpcServer::start(), Door::default());
    let (at_door, at_other) = (door.clone(), door.clone());
    http.script(move |_, stream| {
        at_door.wait();
        answer(stream, "200 OK", ANSWER);
    });
    grpc.script(move |_| {
        at_other.wait();
        ok(b"")
    });
    let sidecar = Sidecar::with(&http, |config| {
        config["upstream"]["grpc"] = grpc.upstream()["grpc"].clone();
        config["admission"]["maxConcurrency"] = 2.into();
    });
    door.open(1);
    assert_eq!(sidecar.infer("", "{}").outcome(), "served", "now it is known how long it takes");

    let mut clients: Vec<_> = (0..4).map(|_| sidecar.client()).collect();
    clients[0].send(infer("", "{}"));
    let over_grpc = begin(&sidecar, &[], b"");
    door.wait_for(3);
    clients[1..].iter_mut().for_each(|client| client.send(infer("", "{}")));
    eventually("three in the queue", || sidecar.gauge("requests_queued") == 3);

    let before = page(&sidecar);
    let carried = carriers(&sidecar);
    let after = page(&sidecar);
    let inside = http.inferences().len() + grpc.calls("ModelInfer").len() - 1;
    assert_eq!(figure(&before, "named_metrics.in_flight"), inside as f64);
    assert_eq!(figure(&before, "named_metrics.queued"), 3.0);
    assert_eq!(figure(&before, "application_utilization"), 1.0);
    assert!(figure(&before, "named_metrics.estimated_wait_ms") > 0.0, "{before:?}");
    assert!(figure(&before, "named_metrics.service_p95_ms") > 0.0, "{before:?}");
    let (before, after) = (without_usage(before), without_usage(after));
    for (carrier, figures) in carried {
        let figures = without_usage(figures);
        assert!(before.keys().eq(figures.keys()), "{carrier}: {figures:?}, {before:?}");
        for (key, value) in &figures {
            let bounds = after[key]..=before[key];
            assert!(bounds.contains(value), "{carrier}: {key} is {value}, not in {bounds:?}");
        }
    }
    door.open(5);
    assert!(clients.iter_mut().all(|client| client.reply().outcome() == "served"));
    assert_eq!(over_grpc.join().unwrap().outcome(), "served");
}

/// When each inference reached the model server, by its body.
type Arrivals = Arc<Mutex<Vec<(Vec<u8>, Instant)>>>;

/// A server that takes its time.
fn timed(service: Duration) -> (Server, Arrivals) {
    let (server, arrivals) = (Server::start(), Arrivals::default());
    let seen_here = Arc::clone(&arrivals);
    server.script(move |seen, stream| {
        seen_here.lock().unwrap().push((seen.body.clone(), Instant::now()));
        thread::sleep(service);
        answer(stream, "200 OK", ANSWER);
    });
    (server, arrivals)
}

#[test]
fn wait_and_rate_are_what_the_server_sees_under_load() {
    const PROBES: usize = 9;
    let (server, arrivals) = timed(Duration::from_millis(40));
    let sidecar = Sidecar::with(&server, |config| config["admission"]["maxConcurrency"] = 2.into());
    let stop = AtomicBool::new(false);
    let (mut told, mut waited) = (Vec::new(), Vec::new());
    thread::scope(|scope| {
        // Eight that wait their turn, one that has no time and is refused again and again.
        for headers in [""; 8].into_iter().chain(["longshore-deadline-ms: 1\r\n"]) {
            let (mut client, stop) = (sidecar.client(), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    client.ask(&infer(headers, "{}"));
                }
            });
        }
        let _stop = Stop(&stop);
        eventually("a full house", || sidecar.gauge("requests_queued") >= 5);
        for probe in 0..PROBES {
            let body = format!("probe {probe}");
            let asked = Instant::now();
            told.push(figure(&page(&sidecar), "named_metrics.estimated_wait_ms"));
            assert_eq!(sidecar.infer("", &body).outcome(), "served");
            let arrivals = arrivals.lock().unwrap();
            let (_, at) = arrivals.iter().find(|(seen, _)| seen == body.as_bytes()).unwrap();
            waited.push((*at - asked).as_secs_f64() * 1000.0);
        }
        assert!(sidecar.count("too_late") + sidecar.count("expired") > 0, "refusals are part of this");
        let told_rate = figure(&page(&sidecar), "rps_fractional");
        let seen_rate = fading_rate(&arrivals, Instant::now());
        assert!((0.9..1.1).contains(&(told_rate / seen_rate)), "{told_rate} was {seen_rate}");
    });
    let (told, waited) = (median(told), median(waited));
    assert!((0.5..2.0).contains(&(told / waited)), "{told} ms was {waited} ms");
}

/// Clients go on until the test is over, also when it fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Arrivals per second, each counting for less the longer ago it was: by 1/e in five seconds.
fn fading_rate(arrivals: &Arrivals, now: Instant) -> f64 {
    const SECONDS: f64 = 5.0;
    let arrivals = arrivals.lock().unwrap();
    let weights = arrivals.iter().map(|(_, at)| (-(now - *at).as_secs_f64() / SECONDS).exp());
    weights.sum::<f64>() / SECONDS
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
