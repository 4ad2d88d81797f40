//! Connections that are slow, silent, greedy or many.

use std::io::Write;

use serde_json::Value;

use crate::{
    harness::{BOTH, Client, HEAD, Over, Sidecar, eventually, infer},
    server::{Door, Server, answer},
};

fn with_limit(over: Over, server: &Server, key: &'static str, value: u64) -> Sidecar {
    Sidecar::over(over, server, |config| config["limits"] = serde_json::json!({ key: Value::from(value) }))
}

#[test]
fn a_silent_connection_and_half_a_preface_are_closed() {
    for over in BOTH {
        let server = Server::start();
        let sidecar = with_limit(over, &server, "firstByteMilliseconds", 50);
        for start in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM"] {
            let mut client = sidecar.client();
            client.send(start);
            assert!(client.is_closed(), "{start:?}");
        }
    }
}

#[test]
fn a_head_that_does_not_end_is_408() {
    for over in BOTH {
        let server = Server::start();
        let sidecar = with_limit(over, &server, "headersMilliseconds", 50);
        let mut client = sidecar.client();
        let reply = client.ask("GET /v2 HTTP/1.1\r\nHost: a\r\nX: ");
        reply.refused(408, "malformed");
        assert!(client.is_closed());
    }
}

#[test]
fn an_idle_connection_is_closed() {
    for over in BOTH {
        let server = Server::start();
        let sidecar = with_limit(over, &server, "idleMilliseconds", 50);
        let mut client = sidecar.client();
        assert_eq!(client.ask(&infer("", "{}")).outcome(), "served");
        assert!(client.is_closed());
    }
}

#[test]
fn a_body_that_trickles_is_408() {
    for over in BOTH {
        let server = Server::start();
        let sidecar = with_limit(over, &server, "bodyWindowMilliseconds", 100);
        let mut client = sidecar.client();
        client.ask(&format!("{HEAD}Content-Length: 1000\r\n\r\nx")).refused(408, "malformed");
        assert_eq!(server.inferences().len(), 0);
    }
}

#[test]
fn too_many_and_too_long_headers_are_431() {
    for over in BOTH {
        let server = Server::start();
        let sidecar = Sidecar::over(over, &server, |_| {});
        let mut client = sidecar.client();
        client
            .ask(&format!("GET /v2 HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(64)))
            .refused(431, "malformed");
        assert!(client.is_closed());
        let mut client = sidecar.client();
        client
            .ask(&format!("GET /v2 HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(32768)))
            .refused(431, "malformed");
        let fits = format!("GET /v1alpha1/load HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(63));
        assert_eq!(sidecar.client().ask(&fits).status, 200);
        let fits = format!("GET /v1alpha1/load HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(32000));
        assert_eq!(sidecar.client().ask(&fits).status, 200);
    }
}

#[test]
fn while_all_are_busy_one_more_connection_waits_its_turn() {
    for over in BOTH {
        let (server, door) = (Server::start(), Door::default());
        let at_door = door.clone();
        server.script(move |seen, stream| {
            if seen.body == b"long" {
                at_door.wait();
            }
            answer(stream, "200 OK", "{}");
        });
        let sidecar = with_limit(over, &server, "connections", 2);
        let mut kept: Vec<Client> = (0..2).map(|_| sidecar.client()).collect();
        kept.iter_mut().for_each(|client| client.send(infer("", "long")));
        door.wait_for(2);
        assert_eq!(sidecar.gauge("connections"), 2);
        let mut third = sidecar.client();
        let third = std::thread::spawn(move || third.ask(&infer("", "third")).outcome().to_owned());
        door.open(1);
        assert_eq!(third.join().unwrap(), "served", "in the place of the first that is done");
        door.open(1);
        for client in &mut kept {
            assert_eq!(client.reply().outcome(), "served", "no request was cut");
        }
        assert_eq!(sidecar.gauge("connections_displaced_total"), 1);
    }
}

#[test]
fn the_longest_idle_makes_room_for_one_that_comes() {
    for over in BOTH {
        let server = Server::start();
        let sidecar = with_limit(over, &server, "connections", 2);
        let mut kept: Vec<Client> = (0..2).map(|_| sidecar.client()).collect();
        for client in &mut kept {
            assert_eq!(client.ask(&infer("", "{}")).outcome(), "served");
        }
        let mut third = sidecar.client();
        assert_eq!(third.ask(&infer("", "{}")).outcome(), "served");
        assert!(kept[0].is_closed());
        assert_eq!(kept[1].ask(&infer("", "{}")).outcome(), "served", "it stays");
        assert_eq!(third.ask(&infer("", "{}")).outcome(), "served");
    }
}

#[test]
fn uploads_have_a_cap_of_their_own() {
    for over in BOTH {
        let server = Server::start();
        let sidecar = with_limit(over, &server, "uploads", 1);
        let mut slow = sidecar.client();
        slow.send(format!("{HEAD}Content-Length: 4\r\n\r\nha"));
        eventually("the upload", || sidecar.log().contains("upload began"));
        sidecar.infer("", "{}").refused(429, "queue_full");
        slow.send("lf");
        assert_eq!(slow.reply().outcome(), "served");
        assert_eq!(sidecar.infer("", "{}").outcome(), "served");
    }
}

#[test]
fn a_reader_that_stops_is_cut_and_holds_no_slot() {
    for over in BOTH {
        let server = Server::start();
        server.script(|_, stream| {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 64 << 20);
            let _ = stream.write_all(&vec![b'x'; 64 << 20]);
        });
        let sidecar = with_limit(over, &server, "bodyWindowMilliseconds", 200);
        let mut client = sidecar.client();
        client.send(infer("", "{}"));
        assert_eq!(client.head().status, 200);
        eventually("the slot", || sidecar.gauge("requests_running") == 0);
        eventually("the count", || sidecar.count("client_left") == 1);
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
        assert!(rest.len() < 64 << 20, "cut");
    }
}

#[test]
fn a_refusal_comes_before_the_body_and_survives_it() {
    for over in BOTH {
        let server = Server::start();
        server.script(|_, stream| answer(stream, "200 OK", "{}"));
        let sidecar =
            Sidecar::over(over, &server, |config| config["admission"]["maxPayloadBytes"] = 1000.into());
        let mut client = sidecar.client();
        let reply = client.ask(&format!("{HEAD}Content-Length: 600000\r\nExpect: 100-continue\r\n\r\n"));
        reply.refused(413, "payload_too_large");
        let mut client = sidecar.client();
        client.send(format!("{HEAD}Content-Length: 600000\r\n\r\n"));
        client.send(vec![b'x'; 600_000]);
        let reply = client.reply();
        reply.refused(413, "payload_too_large");
        assert_eq!(reply.header("connection"), Some("close"));
    }
}

#[test]
fn an_expected_body_is_asked_for_when_it_may_come() {
    for over in BOTH {
        let server = Server::start();
        let sidecar = Sidecar::over(over, &server, |_| {});
        let mut client = sidecar.client();
        let reply = client.ask(&format!("{HEAD}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
        assert_eq!(reply.status, 100);
        client.send("{}");
        assert_eq!(client.reply().outcome(), "served");
        assert_eq!(server.inferences()[0].header("expect"), None);
    }
}

#[test]
fn relays_have_a_cap_that_holds_to_the_end_of_their_answers() {
    for over in BOTH {
        const RELAYS_MAX: usize = 16;
        let (server, door) = (Server::start(), Door::default());
        let sidecar = Sidecar::over(over, &server, |_| {});
        let at_door = door.clone();
        server.metadata_script(move |_, stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha");
            at_door.wait();
            let _ = stream.write_all(b"lf");
        });
        let mut kept: Vec<Client> = (0..RELAYS_MAX).map(|_| sidecar.client()).collect();
        for client in &mut kept {
            client.send("GET /v2/models/m HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(client.head().status, 200);
        }
        sidecar.get("/v2/models/m").refused(429, "queue_full");
        door.open(RELAYS_MAX + 1);
        kept.iter_mut().for_each(|client| assert_eq!(client.bytes(4), b"half"));
        assert_eq!(sidecar.get("/v2/models/m").text(), "half");
    }
}
