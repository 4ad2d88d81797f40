//! What crosses the endpoint and what does not.

use std::{collections::BTreeSet, io::Write, sync::Mutex};

use serde_json::json;

use crate::{
    harness::{Sidecar, eventually, infer},
    server::{Door, Server, answer},
};

#[test]
fn internal_and_hop_by_hop_lines_stay_here() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let lines = "Connection: keep-alive, X-Named\r\nKeep-Alive: 5\r\nTE: trailers\r\nX-Named: 1\r\nUpgrade: h2c\r\n\
                 Proxy-Authorization: x\r\nForwarded: for=x\r\nX-Forwarded-For: x\r\nX-Forwarded-Host: x\r\n\
                 X-Request-Id: http://169.254.169.254/\r\nlongshore-deadline-ms: 20000\r\nlongshore-anything: x\r\n\
                 endpoint-load-metrics-format: json\r\nContent-Type: application/json\r\ntraceparent: 00-x\r\n\
                 Inference-Header-Content-Length: 7\r\n";
    assert_eq!(sidecar.infer(lines, "{}").outcome(), "served");
    let seen = server.inferences().remove(0);
    let mut names: Vec<&str> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let want =
        ["content-length", "content-type", "host", "inference-header-content-length", "traceparent", "via"];
    assert_eq!(names, want);
    assert_eq!(seen.header("host"), Some(server.address.to_string().as_str()));
}

#[test]
fn the_servers_lines_come_through_but_not_in_our_name() {
    let server = Server::start();
    server.script(|_, stream| {
        let lines = "inference-header-content-length: 9\r\ncontent-type: application/octet-stream\r\n\
                     longshore-outcome: expired\r\nlongshore-endpoint: other\r\nendpoint-load-metrics: JSON {}\r\n\
                     connection: x-named\r\nx-named: 1\r\n";
        let _ = write!(stream, "HTTP/1.1 200 OK\r\n{lines}content-length: 2\r\n\r\nok");
    });
    let sidecar = Sidecar::start(&server);
    let reply = sidecar.infer("", "{}");
    assert_eq!(reply.header("inference-header-content-length"), Some("9"));
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    assert_eq!((reply.outcome(), reply.header("longshore-endpoint")), ("served", Some("edge-3")));
    assert_eq!((reply.header("x-named"), reply.header("endpoint-load-metrics")), (None, None));
}

#[test]
fn both_sides_are_kept_alive() {
    let server = Server::start();
    server.script(|_, stream| {
        let port = stream.peer_addr().unwrap().port().to_string();
        answer(stream, "200 OK", &port);
    });
    let sidecar = Sidecar::start(&server);
    let mut client = sidecar.client();
    let ports: BTreeSet<String> = (0..20).map(|_| client.ask(&infer("", "{}")).text()).collect();
    assert!(ports.len() <= 2, "one for requests and one that a probe may have held: {ports:?}");
}

#[test]
fn a_kept_connection_that_dies_under_a_request_is_replaced_once() {
    let (server, used) = (Server::start(), Mutex::new(BTreeSet::new()));
    server.script(move |_, stream| {
        if used.lock().unwrap().insert(stream.peer_addr().unwrap()) {
            answer(stream, "200 OK", "{}");
        } else {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    });
    let sidecar = Sidecar::start(&server);
    for body in ["1", "2", "3", "4"] {
        assert_eq!(sidecar.infer("", body).outcome(), "served");
        assert_eq!(server.inferences().last().unwrap().body, body.as_bytes());
    }
    assert!(server.inferences().len() > 4, "no connection was used twice");
}

#[test]
fn an_answer_streams_and_its_slot_is_held_to_its_end() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        at_door.wait();
        let _ = stream.write_all(b"4\r\nlast\r\n0\r\n\r\n");
    });
    let sidecar = Sidecar::start(&server);
    let mut client = sidecar.client();
    client.send(infer("", "{}"));
    assert_eq!(client.head().status, 200);
    assert_eq!(client.bytes(10), b"5\r\nfirst\r\n", "the first part is here before the last exists");
    assert_eq!(sidecar.gauge("requests_running"), 1, "the slot is held");
    door.open(1);
    assert_eq!(client.bytes(14), b"4\r\nlast\r\n0\r\n\r\n");
    eventually("the slot", || sidecar.gauge("requests_running") == 0);
    assert_eq!(sidecar.count("served"), 1);
}

#[test]
fn a_server_that_breaks_inside_its_answer_is_never_a_complete_answer() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |seen, stream| {
        let framing =
            if seen.body == b"chunked" { "transfer-encoding: chunked" } else { "content-length: 9" };
        let part = if seen.body == b"chunked" { "4\r\npart\r\n" } else { "part" };
        let _ = write!(stream, "HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{part}");
        at_door.wait();
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let sidecar = Sidecar::start(&server);
    for body in ["chunked", "sized"] {
        let mut client = sidecar.client();
        client.send(infer("", body));
        let mut reply = client.head();
        door.open(1);
        client.rest(&mut reply);
        assert!(reply.cut, "{body}: {reply:?}");
    }
    eventually("the count", || sidecar.count("upstream_failed") == 2);
    assert_eq!(sidecar.count("served"), 0);
}

#[test]
fn an_answer_that_began_and_comes_too_late_is_cut() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart");
        at_door.wait();
    });
    // Nothing else looks at the connection in the time that the client waits.
    let sidecar =
        Sidecar::with(&server, |config| config["limits"] = json!({"bodyWindowMilliseconds": 600_000}));
    let mut client = sidecar.client();
    let reply = client.ask(&infer("longshore-deadline-ms: 1500\r\n", "{}"));
    assert_eq!((reply.status, reply.cut), (200, true));
    assert!(client.is_closed());
    eventually("the count", || sidecar.count("expired") == 1);
    door.open(1);
    eventually("the slot", || sidecar.gauge("requests_running") == 0);
}

#[test]
fn a_connection_that_went_stale_in_the_pool_is_no_failure() {
    let server = Server::start();
    server.script(|_, stream| {
        answer(stream, "200 OK", "{}");
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let sidecar = Sidecar::start(&server);
    for _ in 0..20 {
        assert_eq!(sidecar.infer("", "{}").outcome(), "served");
        eventually("the end of the connection", || server.hung_up() >= server.inferences().len());
    }
}
