//! gRPC: the six methods, and every outcome that can occur over it, provoked once.

use std::{net::TcpListener, time::Duration};

use serde_json::json;
use wire::{grpc::frame, protobuf};

use crate::{
    grpc_client::{INFER, begin, call, infer, is_draining, message},
    grpc_server::{ANSWER, GrpcServer, broken, hanging, late_status, ok, status},
    harness::{Behind, Sidecar, eventually, infer as infer_http},
    server::{Door, Server, answer},
};

#[test]
fn six_methods_are_passed_on() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    let (model, yes) = (protobuf::text("m"), [8, 1]);
    for (method, message, answer) in [
        ("ServerLive", &[] as &[u8], &yes as &[u8]),
        ("ServerReady", &[], &yes),
        ("ServerMetadata", &[], ANSWER),
        ("ModelReady", &model, &yes),
        ("ModelMetadata", &model, ANSWER),
        ("ModelInfer", &model, ANSWER),
    ] {
        let lines =
            &[("grpc-timeout", "20S"), ("grpc-accept-encoding", "gzip"), ("traceparent", "00-1-2-01")];
        let path = format!("inference.GRPCInferenceService/{method}");
        let ended = call(&sidecar, &path, lines, frame(message));
        assert_eq!((ended.status(), ended.outcome()), (0, "served"), "{method}: {ended:?}");
        assert_eq!(ended.body, frame(answer), "{method}");
        assert_eq!(ended.line("longshore-advice"), Some("none"), "not the server's");
        assert_eq!(ended.line("longshore-endpoint"), Some("edge-3"));
        assert_eq!(
            ended.line("longshore-model-digest"),
            Some(format!("sha256:{}", "0a".repeat(32)).as_str())
        );
        assert_eq!(ended.line("of-the-server"), Some("kept"));
        assert_eq!(ended.line("endpoint-load-metrics-bin"), None, "nobody asked");
        assert!(!ended.head.contains_key("grpc-accept-encoding"), "nothing compressed is taken");
        let seen = server.calls(method).pop().unwrap();
        assert_eq!(seen.body, frame(message), "{method}");
        assert_eq!((seen.header("te"), seen.header("traceparent")), (Some("trailers"), Some("00-1-2-01")));
        let left: u64 = seen.header("grpc-timeout").unwrap().strip_suffix('m').unwrap().parse().unwrap();
        assert!((15_000..=20_000).contains(&left), "{left}");
        assert_eq!((seen.header("grpc-accept-encoding"), seen.header("longshore-deadline-ms")), (None, None));
    }
    eventually("the count", || sidecar.count_over("grpc", "served") == 1);
    let ended = infer(&sidecar, &[], b"");
    for name in ["longshore-queue-us", "longshore-service-us"] {
        assert!(ended.line(name).unwrap().parse::<u64>().is_ok(), "{name}");
    }
    assert_eq!(server.connections(), 1, "all share one connection");
}

#[test]
fn bodies_longer_than_any_window_pass_unchanged() {
    let server = GrpcServer::start();
    server.script(|call| ok(&call.body));
    let sidecar = Sidecar::start(&server);
    let body: Vec<u8> =
        (0..3_000_000_u32).flat_map(|number| number.to_le_bytes().into_iter().take(1)).collect();
    let ended = infer(&sidecar, &[], &body);
    assert_eq!(ended.outcome(), "served");
    assert!(ended.body == frame(&message(&body)));
}

#[test]
fn other_methods_are_unimplemented() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    let methods = [
        "inference.GRPCInferenceService/ModelStreamInfer",
        "inference.GRPCInferenceService/RepositoryModelLoad",
        "inference.GRPCInferenceService/SystemSharedMemoryRegister",
        "grpc.channelz.v1.Channelz/GetServers",
    ];
    for method in methods {
        call(&sidecar, method, &[], frame(&[])).refused(12, "not_found");
    }
    assert_eq!(sidecar.count_over("grpc", "not_found"), 4);
}

#[test]
fn another_model_is_not_found() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    let names =
        [protobuf::text("other"), protobuf::text("mm"), protobuf::text(""), vec![], vec![0x12, 1, b'm']];
    for method in ["ModelInfer", "ModelReady", "ModelMetadata"] {
        for message in &names {
            let method = format!("inference.GRPCInferenceService/{method}");
            call(&sidecar, &method, &[], frame(message)).refused(5, "not_found");
        }
    }
    for method in ["ModelInfer", "ModelReady", "ModelMetadata"] {
        let seen = server.calls(method);
        assert!(seen.iter().all(|call| call.body == frame(&protobuf::text("m"))), "{method}: {seen:?}");
    }
    assert_eq!(sidecar.count_over("grpc", "not_found"), 5, "inferences are counted");
}

#[test]
fn the_shorter_of_two_deadlines_counts_and_the_server_is_told() {
    let (server, door) = (GrpcServer::start(), Door::default());
    let at_door = door.clone();
    server.script(move |_| {
        at_door.wait();
        ok(ANSWER)
    });
    let sidecar = Sidecar::start(&server);
    infer(&sidecar, &[("grpc-timeout", "200m"), ("longshore-deadline-ms", "20000")], b"")
        .refused(4, "expired");
    infer(&sidecar, &[("grpc-timeout", "20S"), ("longshore-deadline-ms", "700")], b"").refused(4, "expired");
    infer(&sidecar, &[("grpc-timeout", "0m")], b"").refused(4, "expired");
    infer(&sidecar, &[("grpc-timeout", "soon")], b"").refused(3, "malformed");
    eventually("two resets", || server.cancelled() == 2);
    eventually("the slots", || sidecar.gauge("requests_running") == 0);
    assert_eq!(server.calls("ModelInfer").len(), 2);
    door.open(2);
}

#[test]
fn http_and_grpc_share_slots_and_queue() {
    let (http, grpc, door) = (Server::start(), GrpcServer::start(), Door::default());
    let at_door = door.clone();
    http.script(move |_, stream| {
        at_door.wait();
        answer(stream, "200 OK", "");
    });
    let sidecar = Sidecar::with(&http, |config| {
        config["upstream"]["grpc"] = grpc.upstream()["grpc"].clone();
        config["admission"]["maxConcurrency"] = 1.into();
        config["admission"]["maxQueueDepth"] = 1.into();
    });
    let mut first = sidecar.client();
    first.send(infer_http("", "1"));
    door.wait_for(1);
    let second = begin(&sidecar, &[], b"2");
    eventually("one in the queue", || sidecar.gauge("requests_queued") == 1);
    infer(&sidecar, &[], b"3").refused(8, "queue_full");
    sidecar.infer("", "4").refused(429, "queue_full");
    door.open(1);
    assert_eq!(first.reply().outcome(), "served");
    assert_eq!(second.join().unwrap().outcome(), "served");
    assert_eq!((http.inferences().len(), grpc.calls("ModelInfer").len()), (1, 1));
}

#[test]
fn too_late_once_it_is_known_how_long_the_server_takes() {
    let (server, door) = (GrpcServer::start(), Door::default());
    let at_door = door.clone();
    server.script(move |_| {
        at_door.wait();
        ok(ANSWER)
    });
    let sidecar = Sidecar::start(&server);
    let first = begin(&sidecar, &[], b"1");
    door.wait_for(1);
    std::thread::sleep(Duration::from_millis(300));
    door.open(1);
    assert_eq!(first.join().unwrap().outcome(), "served");
    let second = begin(&sidecar, &[], b"2");
    door.wait_for(2);
    infer(&sidecar, &[("grpc-timeout", "100m")], b"3").refused(8, "too_late");
    door.open(1);
    assert_eq!(second.join().unwrap().outcome(), "served");
    assert_eq!(server.calls("ModelInfer").len(), 2);
}

#[test]
fn errors_of_the_server_become_outcomes_without_its_words() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    for (code, want, outcome) in [
        (3, 3, "rejected"),
        (5, 3, "rejected"),
        (9, 3, "rejected"),
        (4, 4, "expired"),
        (2, 14, "upstream_failed"),
        (14, 14, "upstream_failed"),
    ] {
        server.script(move |_| status(code, "token s3cr3t is wrong"));
        infer(&sidecar, &[], b"").refused(want, outcome);
        server.script(move |_| late_status(ANSWER, code, "token s3cr3t is wrong"));
        infer(&sidecar, &[], b"").failed(want, outcome);
    }
    server.script(|_| status(0, ""));
    infer(&sidecar, &[], b"").refused(14, "upstream_failed");
    eventually("the log to have them", || sidecar.log().contains("s3cr3t"));
    assert_eq!((sidecar.count_over("grpc", "rejected"), sidecar.count_over("grpc", "served")), (6, 0));
    assert_eq!(sidecar.gauge("requests_running"), 0);
}

#[test]
fn the_servers_words_where_that_is_wished() {
    let server = GrpcServer::start();
    server.script(|_| status(3, &"shape%20".repeat(40)));
    let sidecar = Sidecar::with(&server, |config| config["relayModelErrors"] = true.into());
    let ended = infer(&sidecar, &[], b"");
    assert_eq!((ended.status(), ended.outcome()), (3, "rejected"));
    assert_eq!(ended.line("grpc-message"), Some("shape%20".repeat(25).as_str()));
}

#[test]
fn an_answer_that_breaks_is_never_a_success() {
    let server = GrpcServer::start();
    server.script(|_| broken());
    let sidecar = Sidecar::start(&server);
    infer(&sidecar, &[], b"").failed(14, "upstream_failed");
    eventually("the slot", || sidecar.gauge("requests_running") == 0);
    assert_eq!(sidecar.count_over("grpc", "upstream_failed"), 1);
}

#[test]
fn an_answer_that_does_not_end_ends_with_its_deadline() {
    let server = GrpcServer::start();
    server.script(|_| hanging());
    let sidecar = Sidecar::start(&server);
    let ended = infer(&sidecar, &[("grpc-timeout", "500m")], b"");
    ended.failed(4, "expired");
    assert_eq!(ended.body.len(), 7, "what came of it");
    eventually("the reset", || server.cancelled() == 1);
    eventually("the slot", || sidecar.gauge("requests_running") == 0);
    assert_eq!(sidecar.count_over("grpc", "expired"), 1);
}

#[test]
fn model_not_ready_and_draining() {
    let server = GrpcServer::start();
    server.set_ready(false);
    let sidecar = Sidecar::unready(&server, |_| {});
    infer(&sidecar, &[], b"").refused(14, "model_not_ready");
    call(&sidecar, "inference.GRPCInferenceService/ServerLive", &[], frame(&[]))
        .refused(14, "model_not_ready");
    server.set_ready(true);
    sidecar.wait_ready();
    let door = Door::default();
    let at_door = door.clone();
    server.script(move |call| {
        if call.body == message(b"long") {
            at_door.wait();
        }
        ok(ANSWER)
    });
    let running = begin(&sidecar, &[], b"long");
    door.wait_for(1);
    sidecar.terminate();
    eventually("refusing", || is_draining(&sidecar));
    infer(&sidecar, &[], b"").refused(14, "draining");
    door.open(1);
    assert_eq!(running.join().unwrap().outcome(), "served", "what runs is finished");
}

#[test]
fn load_is_a_trailer_when_asked_for() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    for form in [&[("endpoint-load-metrics-format", "bin")], &[("endpoint-load-metrics-format", "json")]] {
        let ended = infer(&sidecar, form, b"");
        assert!(ended.line("endpoint-load-metrics-bin").is_some_and(|text| text.len() % 4 == 0), "{ended:?}");
        assert_eq!(ended.line("endpoint-load-metrics"), None);
        let seen = server.calls("ModelInfer").pop().unwrap();
        assert_eq!(seen.header("endpoint-load-metrics-format"), None);
    }
    let always = Sidecar::with(&server, |config| config["loadHeader"] = json!("Always"));
    assert!(infer(&always, &[], b"").line("endpoint-load-metrics-bin").is_some());
    let page = always
        .client()
        .ask("GET /v1alpha1/load HTTP/1.1\r\nHost: a\r\nendpoint-load-metrics-format: bin\r\n\r\n");
    assert!(page.header("endpoint-load-metrics-bin").is_some(), "over HTTP too");
}

#[test]
fn each_protocol_needs_its_upstream() {
    let grpc = GrpcServer::start();
    let sidecar = Sidecar::start(&grpc);
    for path in ["/v2/models/m/infer", "/v2/models/m", "/v2"] {
        let method = if path.ends_with("infer") { "POST" } else { "GET" };
        let reply = sidecar
            .client()
            .ask(&format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
        reply.refused(404, "not_found");
    }
    for path in ["/v2/health/live", "/v2/health/ready", "/v2/models/m/ready"] {
        assert_eq!(sidecar.get(path).status, 200, "{path}");
    }
    grpc.set_ready(false);
    eventually("unreadiness", || sidecar.admin("/readyz").status == 503);
    sidecar.get("/v2/models/m/ready").refused(503, "model_not_ready");

    let http = Sidecar::start(&Server::start());
    infer(&http, &[], b"").refused(12, "not_found");
    assert_eq!(http.infer("", "{}").outcome(), "served");
}

#[test]
fn the_upstream_may_be_a_unix_socket() {
    let path = std::env::temp_dir().join(format!("longshore-grpc-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let server = GrpcServer::on_socket(&path);
    let sidecar = Sidecar::start(&server);
    assert_eq!(infer(&sidecar, &[], b"").outcome(), "served");
    let _ = std::fs::remove_file(&path);
}

#[test]
fn a_connection_that_is_gone_is_replaced() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    assert_eq!(infer(&sidecar, &[], b"").outcome(), "served");
    server.hang_up();
    assert_eq!(infer(&sidecar, &[], b"").outcome(), "served", "asked for again over another");
    let address = server.address();
    drop(server);
    eventually("unreadiness", || infer(&sidecar, &[], b"").outcome() == "model_not_ready");
    eventually("a free port", || TcpListener::bind(address).is_ok());
    let _again = GrpcServer::on(address);
    sidecar.wait_ready();
    assert_eq!(call(&sidecar, INFER, &[], message(b"")).outcome(), "served");
}
