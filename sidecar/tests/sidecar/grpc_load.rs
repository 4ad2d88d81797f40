//! Load reports beside the requests: the stream of `xds.service.orca.v3.OpenRcaService`.

use std::time::{Duration, Instant};

use hyper::client::conn::http2::SendRequest;
use prost::Message;
use serde_json::json;
use tokio::time::timeout;
use wire::grpc::frame;

use crate::{
    grpc_client::{Body, Messages, begin, call, connect, ended, infer, is_draining, request, whole},
    grpc_server::{ANSWER, GrpcServer, ok},
    harness::{PATIENCE, Sidecar, eventually},
    http2::block_on,
    orca::{Figures, figure, of_protobuf},
    server::Door,
};

const STREAM: &str = "xds.service.orca.v3.OpenRcaService/StreamCoreMetrics";

#[derive(Clone, PartialEq, Message)]
struct OrcaLoadReportRequest {
    #[prost(message, optional, tag = "1")]
    report_interval: Option<Interval>,
    #[prost(string, repeated, tag = "2")]
    request_cost_names: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Interval {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// A request in its frame.
pub fn every(seconds: i64, nanos: i32) -> Vec<u8> {
    let request = OrcaLoadReportRequest {
        report_interval: Some(Interval { seconds, nanos }),
        request_cost_names: vec!["queries".into()],
    };
    frame(&request.encode_to_vec())
}

pub async fn open(sender: &mut SendRequest<Body>, body: Vec<u8>) -> Messages {
    Messages::of(sender.send_request(request(STREAM, &[], whole(body))).await.unwrap())
}

pub async fn report(reports: &mut Messages) -> Figures {
    of_protobuf(&reports.next().await)
}

/// Reads on until a figure has a value.
async fn until(reports: &mut Messages, key: &str, value: f64) {
    let until = async { while figure(&report(reports).await, key) != value {} };
    timeout(PATIENCE, until).await.unwrap_or_else(|_| panic!("{key} never was {value}"));
}

fn often(server: &GrpcServer) -> Sidecar {
    Sidecar::with(server, |config| config["limits"] = json!({"loadMinIntervalMilliseconds": 5}))
}

#[test]
fn reports_follow_what_the_server_sees() {
    let (server, door) = (GrpcServer::start(), Door::default());
    let at_door = door.clone();
    server.script(move |_| {
        at_door.wait();
        ok(ANSWER)
    });
    let sidecar = often(&server);
    block_on(async {
        let mut reports = open(&mut connect(sidecar.address).await, every(0, 1)).await;
        let first = report(&mut reports).await;
        assert_eq!(figure(&first, "named_metrics.in_flight"), 0.0, "{first:?}");
        let calls = [begin(&sidecar, &[], b"1"), begin(&sidecar, &[], b"2")];
        tokio::task::block_in_place(|| door.wait_for(2));
        until(&mut reports, "named_metrics.in_flight", 2.0).await;
        door.open(1);
        until(&mut reports, "named_metrics.in_flight", 1.0).await;
        door.open(1);
        until(&mut reports, "named_metrics.in_flight", 0.0).await;
        for call in calls {
            assert_eq!(call.join().unwrap().outcome(), "served");
        }
        assert!(figure(&report(&mut reports).await, "rps_fractional") > 0.0);
    });
}

#[test]
fn the_interval_is_what_is_asked_for_within_bounds() {
    const SHORTEST: Duration = Duration::from_millis(300);
    let server = GrpcServer::start();
    let bounded = |shortest: u64, longest: u64| {
        Sidecar::with(&server, |config| {
            config["limits"] =
                json!({"loadMinIntervalMilliseconds": shortest, "loadMaxIntervalMilliseconds": longest});
        })
    };
    let second_after = |sidecar: &Sidecar, body: Vec<u8>| {
        block_on(async {
            let mut sender = connect(sidecar.address).await;
            let asked = Instant::now();
            let mut reports = open(&mut sender, body).await;
            report(&mut reports).await;
            report(&mut reports).await;
            asked.elapsed()
        })
    };
    // An hour would end the test.
    second_after(&bounded(1, 50), every(3600, 0));
    let slow = bounded(300, 3_600_000);
    for body in [every(0, 1), every(-5, 0), every(i64::MIN, i32::MIN), frame(&[]), frame(&[0x0a, 9, 1])] {
        assert!(second_after(&slow, body.clone()) >= SHORTEST, "{body:?}");
    }
    assert!(second_after(&slow, every(0, 700_000_000)) >= Duration::from_millis(700));
}

#[test]
fn streams_have_a_number_and_a_place_comes_back() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::with(&server, |config| config["limits"] = json!({"loadStreams": 2}));
    block_on(async {
        let (mut sender, mut other) = (connect(sidecar.address).await, connect(sidecar.address).await);
        let (_first, second) = (open(&mut sender, every(1, 0)).await, open(&mut other, every(1, 0)).await);
        tokio::task::block_in_place(|| {
            call(&sidecar, STREAM, &[], every(1, 0)).refused(8, "queue_full");
            assert_eq!(infer(&sidecar, &[], b"").outcome(), "served", "others do not notice");
        });
        drop((second, other));
        let mut sender = connect(sidecar.address).await;
        timeout(PATIENCE, async {
            loop {
                let again = request(STREAM, &[], whole(every(1, 0)));
                let response = sender.send_request(again).await.unwrap();
                if !response.headers().contains_key("grpc-status") {
                    return report(&mut Messages::of(response)).await;
                }
                ended(response).await.refused(8, "queue_full");
            }
        })
        .await
        .expect("a place of a connection that is gone");
    });
}

#[test]
fn a_drain_is_told_at_once_and_ends_the_stream() {
    let server = GrpcServer::start();
    let mut sidecar = Sidecar::with(&server, |config| {
        config["limits"] =
            json!({"loadMinIntervalMilliseconds": 3_600_000, "loadMaxIntervalMilliseconds": 3_600_000});
        config["drain"]["quietMilliseconds"] = 500.into();
    });
    block_on(async {
        let mut reports = open(&mut connect(sidecar.address).await, every(1, 0)).await;
        assert_eq!(figure(&report(&mut reports).await, "named_metrics.draining"), 0.0);
        sidecar.terminate();
        assert_eq!(figure(&report(&mut reports).await, "named_metrics.draining"), 1.0, "within the hour");
        reports.end().await.failed(14, "draining");
    });
    assert_eq!(sidecar.exit_code(), Some(0));
}

#[test]
fn who_leaves_already_begins_no_stream() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    std::os::unix::net::UnixStream::connect(sidecar.folder.0.join("drain.sock")).unwrap();
    eventually("refusing", || is_draining(&sidecar));
    call(&sidecar, STREAM, &[], every(1, 0)).refused(14, "draining");
}

#[test]
fn a_request_is_one_short_message() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    call(&sidecar, STREAM, &[], frame(&[0; 2000])).refused(8, "payload_too_large");
    call(&sidecar, STREAM, &[], [every(1, 0), every(1, 0)].concat()).refused(3, "malformed");
    call(&sidecar, STREAM, &[], "").refused(3, "malformed");
}
