//! More connections than there are places, and peers that are slow or gone: each beside clients that behave.

use std::{fs, net::Ipv4Addr};

use serde_json::{Value, json};

use crate::{
    frames::{ACK, DATA, END_STREAM, PING, Raw, ask, frame},
    grpc_client::{connect, request, whole},
    harness::{Client, HEAD, Over, Sidecar, eventually, infer},
    honest,
    http2::block_on,
    server::Server,
};

/// Connections come from here, and clients that behave from 127.0.0.1.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const PLACES: usize = 64;
const GROWTH_MAX: u64 = 8 << 10;

fn crowded(config: &mut Value) {
    config["limits"] = json!({"connections": PLACES, "firstByteMilliseconds": 60_000});
}

/// Runs an attack before an ordinary server.
fn withstood(change: impl FnOnce(&mut Value), attack: impl FnOnce(&Sidecar)) {
    let server = Server::start();
    honest::withstood(&server, GROWTH_MAX, change, attack);
}

#[test]
fn who_holds_most_connections_keeps_nobody_out() {
    withstood(crowded, |sidecar| {
        // Silent, within a head, and idle behind an answer.
        let words = [String::new(), "GET /v2 HTTP/1.1\r\nHost: ".into(), infer("", "elsewhere")];
        let mut held = Vec::new();
        for word in words.iter().cycle().take(8 * PLACES) {
            let mut client = Client::from(ELSEWHERE, sidecar.address);
            client.send(word);
            if word.contains("elsewhere") {
                client.is_heard();
            }
            held.push(client);
        }
        let made_room = || sidecar.gauge("connections_displaced_total") >= 7 * PLACES as u64;
        eventually("those before to make room", made_room);
    });
}

#[test]
fn strangers_behind_the_same_address_keep_nobody_out() {
    withstood(crowded, |sidecar| {
        let held: Vec<Client> = (0..8 * PLACES).map(|_| Client::to(sidecar.address)).collect();
        let made_room = || sidecar.gauge("connections_displaced_total") >= 7 * PLACES as u64;
        eventually("those before to make room", made_room);
        drop(held);
    });
}

#[test]
fn slow_and_silent_peers_are_closed_and_nobody_waits_for_them() {
    let short = |config: &mut Value| {
        config["limits"] = json!({"firstByteMilliseconds": 1000, "headersMilliseconds": 1000,
            "bodyWindowMilliseconds": 1000, "uploads": 1000});
        config["admission"]["maxPayloadBytes"] = 100_000.into();
    };
    withstood(short, |sidecar| {
        let words = [
            String::new(),
            "PRI * HTTP/2.0\r\n\r\nSM".into(),
            "GET /v2 HTTP/1.1\r\nHost: a\r\nX: ".into(),
            format!("GET /v2 HTTP/1.1\r\nHost: a\r\n{}", "X: y\r\n".repeat(100_000)),
            format!("GET /v2 HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(1_000_000)),
            format!("{HEAD}Content-Length: 1000\r\n\r\nx"),
            format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nx"),
            format!("{HEAD}Content-Length: 1000000000\r\n\r\n{}", "x".repeat(1_000_000)),
            format!(
                "{HEAD}Transfer-Encoding: chunked\r\n\r\n{}",
                "10000\r\n".to_owned() + &"x".repeat(1_000_000)
            ),
        ];
        let clients: Vec<Client> = words
            .iter()
            .cycle()
            .take(20 * words.len())
            .map(|word| {
                let mut client = sidecar.client();
                client.send(word);
                client
            })
            .collect();
        for (mut client, word) in clients.into_iter().zip(words.iter().cycle()) {
            // Whatever it was told, it is closed.
            let mut rest = Vec::new();
            let _ = client.read_to_end(&mut rest);
            assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", &word[..word.len().min(100)]);
        }
    });
}

#[test]
fn a_peer_that_answers_no_ping_is_gone_and_takes_its_watch_with_it() {
    const WATCH: &str = "grpc.health.v1.Health/Watch";
    let server = Server::start();
    let sidecar = Sidecar::with(&server, |config| {
        config["limits"] = json!({"keepAliveMilliseconds": 200, "keepAliveTimeoutMilliseconds": 400});
    });
    block_on(async {
        // One whose library answers for it.
        let mut there = connect(sidecar.address).await;
        let watch = there.send_request(request(WATCH, &[], whole(vec![0; 5]))).await.unwrap();
        let gone = std::thread::spawn(move || {
            let mut gone = Raw::open(sidecar.address);
            let (stream, kind) = (gone.stream(), ("content-type", "application/grpc"));
            gone.send(ask(stream, 0, "POST", &format!("/{WATCH}"), &[kind]));
            gone.send(frame(DATA, END_STREAM, stream, &[0; 5]));
            assert!(gone.next_of(DATA, stream).is_some(), "what is watched");
            let pings =
                std::iter::from_fn(|| gone.next()).filter(|frame| (frame.kind, frame.flags) == (PING, 0));
            (pings.count(), sidecar)
        });
        let (pings, sidecar) = tokio::task::spawn_blocking(|| gone.join().unwrap()).await.unwrap();
        assert!(pings > 0);
        tokio::task::block_in_place(|| {
            eventually("the other to stay alone", || sidecar.gauge("connections") == 1);
        });
        assert_eq!(watch.status(), 200);
        there.ready().await.unwrap();
    });
}

#[test]
fn one_that_answers_late_is_kept() {
    let server = Server::start();
    let sidecar = Sidecar::with(&server, |config| {
        config["limits"] = json!({"keepAliveMilliseconds": 100, "keepAliveTimeoutMilliseconds": 20_000});
    });
    let mut raw = Raw::open(sidecar.address);
    for _ in 0..3 {
        let ping =
            std::iter::from_fn(|| raw.next()).find(|frame| (frame.kind, frame.flags) == (PING, 0)).unwrap();
        assert!(raw.send(frame(PING, ACK, 0, &ping.payload)));
    }
}

/// A peer that lost its power acknowledges nothing. The kernel asks; here it is seen that it will, and when.
#[test]
fn the_kernel_asks_whether_a_silent_peer_is_there() {
    let server = Server::start();
    let sidecar = Sidecar::over(Over::Clear, &server, |config| {
        config["limits"] = json!({"keepAliveMilliseconds": 9_000});
    });
    let mut client = sidecar.client();
    assert_eq!(client.ask(&infer("", "{}")).outcome(), "served");
    let (here, there) = (sidecar.address.port(), client.stream.local_addr().unwrap().port());
    // Local and remote address, state, queues, then timer: 2 is keep-alive, with its rest in hundredths of a second.
    let ends = [format!("0100007F:{here:04X}"), format!("0100007F:{there:04X}")];
    let timer = || {
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let row = table.lines().find(|row| row.contains(&ends.join(" "))).unwrap();
        row.split_whitespace().nth(5).unwrap().to_owned()
    };
    eventually("the timer", || {
        let timer = timer();
        let (kind, rest) = timer.split_once(':').unwrap();
        let rest = u32::from_str_radix(rest, 16).unwrap();
        kind == "02" && (1..=900).contains(&rest)
    });
}
