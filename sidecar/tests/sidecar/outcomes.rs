//! Every outcome that can occur, provoked once.

use serde_json::json;

use crate::{
    harness::{Client, HEAD, Sidecar, eventually, infer},
    server::{ANSWER, Door, Server, answer},
};

#[test]
fn served() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let reply = sidecar.infer("", "{}");
    assert_eq!((reply.status, reply.outcome(), reply.text().as_str()), (200, "served", ANSWER));
    assert_eq!(reply.header("longshore-advice"), Some("none"));
    assert_eq!(reply.header("longshore-endpoint"), Some("edge-3"));
    assert_eq!(reply.header("longshore-model-digest"), Some(format!("sha256:{}", "0a".repeat(32)).as_str()));
    for name in ["longshore-queue-us", "longshore-service-us"] {
        assert!(reply.header(name).unwrap().parse::<u64>().is_ok(), "{name}");
    }
    assert_eq!(reply.header("endpoint-load-metrics"), None, "nobody asked");
    eventually("the count", || sidecar.count("served") == 1);
}

#[test]
fn rejected_without_the_servers_words() {
    let server = Server::start();
    server.script(|_, stream| answer(stream, "400 Bad Request", r#"{"error":"token s3cr3t is wrong"}"#));
    let sidecar = Sidecar::start(&server);
    let reply = sidecar.infer("", "{}");
    reply.refused(400, "rejected");
    eventually("the log to have them", || sidecar.log().contains("s3cr3t"));
    assert_eq!(sidecar.count("rejected"), 1);
}

#[test]
fn rejected_with_two_hundred_printable_characters_where_that_is_wished() {
    let server = Server::start();
    server.script(|_, stream| answer(stream, "422 Unprocessable", &format!("a\tb{}", "x".repeat(300))));
    let sidecar = Sidecar::with(&server, |config| config["relayModelErrors"] = true.into());
    let reply = sidecar.infer("", "{}");
    assert_eq!((reply.status, reply.outcome()), (422, "rejected"));
    assert_eq!(reply.text(), format!("ab{}", "x".repeat(198)));
}

#[test]
fn too_late_once_it_is_known_how_long_the_server_takes() {
    let (server, door) = Server::behind_door();
    let sidecar = Sidecar::start(&server);
    let (mut first, mut second) = (sidecar.client(), sidecar.client());
    first.send(infer("", "1"));
    door.wait_for(1);
    std::thread::sleep(std::time::Duration::from_millis(300));
    door.open(1);
    assert_eq!(first.reply().outcome(), "served");
    // One inside, so that what was measured counts however old it is.
    second.send(infer("", "2"));
    door.wait_for(2);
    sidecar.infer("longshore-deadline-ms: 100\r\n", "3").refused(429, "too_late");
    door.open(2);
    assert_eq!(second.reply().outcome(), "served");
    assert_eq!(sidecar.infer("longshore-deadline-ms: 20000\r\n", "4").outcome(), "served");
    assert_eq!(server.inferences().len(), 3, "the server saw nothing of the one refused");
}

#[test]
fn too_late_once_it_is_known_how_slowly_the_body_comes() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let mut client = sidecar.client();
    client.send(format!("{HEAD}longshore-deadline-ms: 10000\r\nContent-Length: 4000000\r\n\r\n"));
    eventually("the refusal", || {
        client.send("not much at once");
        client.is_answered()
    });
    client.reply().refused(429, "too_late");
    assert_eq!(server.inferences().len(), 0);
}

#[test]
fn queue_full() {
    let (server, door) = Server::behind_door();
    let sidecar = Sidecar::with(&server, |config| {
        config["admission"]["maxConcurrency"] = 1.into();
        config["admission"]["maxQueueDepth"] = 1.into();
    });
    let (mut first, mut second) = (sidecar.client(), sidecar.client());
    first.send(infer("", "1"));
    door.wait_for(1);
    second.send(infer("", "2"));
    eventually("one in the queue", || sidecar.gauge("requests_queued") == 1);
    sidecar.infer("", "3").refused(429, "queue_full");
    door.open(2);
    assert_eq!((first.reply().outcome(), second.reply().outcome()), ("served", "served"));
}

#[test]
fn expired_while_waiting_and_the_server_never_sees_it() {
    let (server, door) = Server::behind_door();
    let sidecar = Sidecar::with(&server, |config| config["admission"]["maxConcurrency"] = 1.into());
    let mut first = sidecar.client();
    first.send(infer("", "1"));
    door.wait_for(1);
    sidecar.infer("longshore-deadline-ms: 50\r\n", "2").refused(504, "expired");
    door.open(1);
    assert_eq!(first.reply().outcome(), "served");
    assert_eq!(server.inferences().len(), 1);
    assert_eq!(sidecar.gauge("requests_queued"), 0);
}

#[test]
fn expired_in_the_server_and_the_server_is_told() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |_, _| at_door.wait());
    let sidecar = Sidecar::start(&server);
    sidecar.infer("longshore-deadline-ms: 1000\r\n", "{}").refused(504, "expired");
    door.open(1);
    eventually("the connection's end", || server.hung_up() >= 1);
    eventually("the slot", || sidecar.gauge("requests_running") == 0);
}

#[test]
fn expired_while_uploading() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let mut client = sidecar.client();
    client.send(format!("{HEAD}longshore-deadline-ms: 50\r\nContent-Length: 10\r\n\r\nhalf"));
    client.reply().refused(504, "expired");
    assert_eq!(server.inferences().len(), 0);
}

#[test]
fn model_not_ready() {
    let server = Server::start();
    server.set_ready(false);
    let sidecar = Sidecar::unready(&server, |_| {});
    sidecar.infer("", "{}").refused(503, "model_not_ready");
    sidecar.get("/v2/models/m/ready").refused(503, "model_not_ready");
    assert_eq!(sidecar.get("/v1alpha1/load").status, 200, "own pages are there");
}

#[test]
fn payload_too_large_by_its_declaration_and_by_its_length() {
    let server = Server::start();
    let sidecar = Sidecar::with(&server, |config| config["admission"]["maxPayloadBytes"] = 100.into());
    let mut client = sidecar.client();
    client.send(format!("{HEAD}Content-Length: 101\r\n\r\n"));
    client.reply().refused(413, "payload_too_large");
    let mut client = sidecar.client();
    client.send(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n65\r\n{}\r\n", "x".repeat(101)));
    client.reply().refused(413, "payload_too_large");
    assert_eq!(sidecar.infer("", &"x".repeat(100)).outcome(), "served");
    assert_eq!(server.inferences().len(), 1);
}

#[test]
fn malformed_deadlines() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    for value in ["0", "-1", "1.5", "", "abc", "9999999999", "1\r\nlongshore-deadline-ms: 2"] {
        sidecar.infer(&format!("longshore-deadline-ms: {value}\r\n"), "{}").refused(400, "malformed");
    }
    assert_eq!(server.inferences().len(), 0);
}

#[test]
fn not_found() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    for path in ["/", "/v2/models/other/infer", "/v2/repository/index", "/v2/models/m/infer/", "/metrics"] {
        sidecar.get(path).refused(404, "not_found");
    }
    let reply = sidecar.get("/v2/models/m/infer");
    reply.refused(405, "not_found");
    assert_eq!(reply.header("allow"), Some("POST"));
    let reply =
        sidecar.client().ask("POST /v2/health/ready HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}");
    reply.refused(405, "not_found");
    assert_eq!(reply.header("allow"), Some("GET"));
}

#[test]
fn upstream_failed_by_status_and_by_breaking() {
    let server = Server::start();
    server.script(|seen, stream| match seen.body.as_slice() {
        b"500" => answer(stream, "500 Internal Server Error", "out of memory at 0x1234"),
        b"302" => answer(stream, "302 Found", ""),
        _ => drop(stream.shutdown(std::net::Shutdown::Both)),
    });
    let sidecar = Sidecar::start(&server);
    for body in ["500", "302", "break"] {
        sidecar.infer("", body).refused(502, "upstream_failed");
    }
    eventually("the slots", || sidecar.gauge("requests_running") == 0);
    assert_eq!(sidecar.count("upstream_failed"), 3);
}

#[test]
fn client_left_and_the_server_is_told() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |_, _| at_door.wait());
    let sidecar = Sidecar::start(&server);
    let mut client = sidecar.client();
    client.send(infer("", "{}"));
    door.wait_for(1);
    drop(client);
    eventually("the count", || sidecar.count("client_left") == 1);
    eventually("the slot", || sidecar.gauge("requests_running") == 0);
    door.open(1);
    eventually("the connection's end", || server.hung_up() >= 1);
}

#[test]
fn a_client_that_leaves_the_queue_is_never_seen_by_the_server() {
    let (server, door) = Server::behind_door();
    let sidecar = Sidecar::with(&server, |config| config["admission"]["maxConcurrency"] = 1.into());
    let mut first = sidecar.client();
    first.send(infer("", "1"));
    door.wait_for(1);
    let mut second = sidecar.client();
    second.send(infer("", "2"));
    eventually("one in the queue", || sidecar.gauge("requests_queued") == 1);
    drop(second);
    eventually("nobody in the queue", || sidecar.gauge("requests_queued") == 0);
    door.open(1);
    assert_eq!(first.reply().outcome(), "served");
    assert_eq!(server.inferences().len(), 1);
    assert_eq!(sidecar.count("client_left"), 1);
}

#[test]
fn the_earliest_deadline_goes_first() {
    let (server, door) = Server::behind_door();
    let sidecar = Sidecar::with(&server, |config| {
        config["admission"]["maxConcurrency"] = 1.into();
        config["admission"]["maxTimeoutMilliseconds"] = 900_000.into();
    });
    let clients: Vec<Client> = ["800000", "700000", "500000", "600000"]
        .iter()
        .enumerate()
        .map(|(index, deadline)| {
            let mut client = sidecar.client();
            client.send(infer(&format!("longshore-deadline-ms: {deadline}\r\n"), deadline));
            if index == 0 {
                door.wait_for(1);
            } else {
                eventually("its place", || sidecar.gauge("requests_queued") == index as u64);
            }
            client
        })
        .collect();
    door.open(clients.len());
    for mut client in clients {
        assert_eq!(client.reply().outcome(), "served");
    }
    let order: Vec<String> =
        server.inferences().into_iter().map(|seen| String::from_utf8(seen.body).unwrap()).collect();
    assert_eq!(json!(order), json!(["800000", "500000", "600000", "700000"]));
}
