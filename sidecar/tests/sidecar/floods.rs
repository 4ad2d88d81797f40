//! Floods over HTTP/2: each beside clients that behave, with a bound on the memory that it may take.

use std::io::Write;

use serde_json::{Value, json};

use crate::{
    frames::{
        ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING,
        RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, ask, block, frame, integer,
    },
    harness::Sidecar,
    honest,
    server::{ANSWER, Server, answer},
};

const INFER: &str = "/v2/models/m/infer";
const LOAD: &str = "/v1alpha1/load";
const MIB: u64 = 1024;
/// What any of these floods may take; those that a window holds back say what they take.
const GROWTH_MAX: u64 = 8 * MIB;

/// Runs an attack before a server that answers attackers at length.
fn withstood(growth_max: u64, change: impl FnOnce(&mut Value), attack: impl FnOnce(&Sidecar)) {
    let server = Server::start();
    // What the model server answers, by what it was asked.
    server.script(|seen, stream| match seen.body.as_slice() {
        b"kept" | b"fresh" | b"http2" => answer(stream, "200 OK", ANSWER),
        _ => {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {LONG}\r\n\r\n");
            let _ = stream.write_all(&[b'x'; LONG]);
        }
    });
    let change = |config: &mut Value| {
        // Whose turn it is among those that were let in is another matter.
        config["admission"]["maxQueueDepth"] = 1000.into();
        change(config);
    };
    honest::withstood(&server, growth_max, change, attack);
}

/// What the model server answers an attacker: one piece, which its stream can hold back.
const LONG: usize = 6 << 10;

#[test]
fn rapid_resets_end_their_connection() {
    withstood(
        GROWTH_MAX,
        |_| {},
        |sidecar| {
            for (method, path) in [("POST", INFER), ("GET", LOAD)].repeat(20) {
                let mut raw = Raw::open(sidecar.address);
                let mut burst = Vec::new();
                for _ in 0..2000 {
                    let stream = raw.stream();
                    burst.extend(ask(stream, END_STREAM, method, path, &[]));
                    burst.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
                }
                raw.send(burst);
                assert_eq!(raw.end(), Some(ENHANCE_YOUR_CALM));
            }
        },
    );
}

/// Each reset by the client comes after its request was taken up, so that no burst is seen.
#[test]
fn resets_one_at_a_time_cost_no_more_than_requests() {
    withstood(
        GROWTH_MAX,
        |_| {},
        |sidecar| {
            let mut raw = Raw::open(sidecar.address);
            for _ in 0..5000 {
                let stream = raw.stream();
                raw.send(ask(stream, END_STREAM, "POST", INFER, &[]));
                raw.send(frame(PING, 0, 0, &[7; 8]));
                assert!(
                    std::iter::from_fn(|| raw.next()).any(|frame| (frame.kind, frame.flags) == (PING, ACK))
                );
                raw.send(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
            }
        },
    );
}

/// The other side of it: the client sends what makes the server reset. Its requests stay with the model server meanwhile.
#[test]
fn resets_that_the_server_is_made_to_send_end_their_connection() {
    /// Takes the window past what a window can be.
    fn overflow(stream: u32) -> Vec<u8> {
        let request = ask(stream, END_STREAM, "POST", INFER, &[]);
        [request, frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes())].concat()
    }
    fn longer_than_it_says(stream: u32) -> Vec<u8> {
        let request = ask(stream, 0, "POST", INFER, &[("content-length", "1")]);
        [request, frame(DATA, 0, stream, b"two")].concat()
    }
    withstood(
        GROWTH_MAX,
        |_| {},
        |sidecar| {
            for provoke in [overflow, longer_than_it_says].repeat(3) {
                let mut raw = Raw::open(sidecar.address);
                let mut resets = 0;
                let end = 'connection: loop {
                    let streams: Vec<u32> = (0..32).map(|_| raw.stream()).collect();
                    raw.send(streams.iter().flat_map(|stream| provoke(*stream)).collect::<Vec<u8>>());
                    for stream in streams {
                        match raw.verdict(stream) {
                            Err(ENHANCE_YOUR_CALM) => break 'connection ENHANCE_YOUR_CALM,
                            Err(_) => resets += 1,
                            Ok(status) => panic!("{status}"),
                        }
                    }
                };
                assert_eq!(end, ENHANCE_YOUR_CALM);
                assert!(resets <= 1024, "{resets}");
            }
        },
    );
}

#[test]
fn a_head_without_end_ends_its_connection() {
    withstood(
        GROWTH_MAX,
        |_| {},
        |sidecar| {
            let full = block(&[("x", &"y".repeat(16_000))]);
            for part in [&b""[..], &full].repeat(10) {
                let mut raw = Raw::open(sidecar.address);
                let stream = raw.stream();
                raw.send(frame(HEADERS, 0, stream, &block(&[(":method", "GET")])));
                for _ in 0..10_000 {
                    if !raw.send(frame(CONTINUATION, 0, stream, part)) {
                        break;
                    }
                }
                assert!(raw.end().is_some());
            }
        },
    );
}

/// One long line, put into the table once and named ten thousand times.
#[test]
fn a_small_head_that_unpacks_to_a_large_one_ends_its_connection() {
    withstood(
        GROWTH_MAX,
        |_| {},
        |sidecar| {
            for _ in 0..20 {
                let mut raw = Raw::open(sidecar.address);
                let mut bomb =
                    block(&[(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", LOAD)]);
                bomb.push(0x40);
                integer(&mut bomb, 0, 127, 1);
                bomb.push(b'x');
                integer(&mut bomb, 0, 127, 4000);
                bomb.extend([b'y'; 4000]);
                bomb.extend([0x80 | 62; 10_000]);
                let stream = raw.stream();
                raw.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, &bomb));
                assert!(raw.end().is_some_and(|error| error != 0));
            }
        },
    );
}

#[test]
fn pings_and_settings_are_acknowledged_and_cost_nothing_more() {
    withstood(
        GROWTH_MAX,
        |_| {},
        |sidecar| {
            for (kind, payload) in [(PING, &[7; 8][..]), (SETTINGS, &[]), (SETTINGS, &[0, 1, 0, 0, 16, 0])] {
                let mut raw = Raw::open(sidecar.address);
                for _ in 0..200 {
                    raw.send(frame(kind, 0, 0, payload).repeat(500));
                    let acks = std::iter::from_fn(|| raw.next());
                    assert_eq!(
                        acks.filter(|frame| (frame.kind, frame.flags) == (kind, ACK)).take(500).count(),
                        500
                    );
                }
                let stream = raw.stream();
                raw.send(ask(stream, END_STREAM, "GET", LOAD, &[]));
                assert_eq!(raw.verdict(stream), Ok(200));
            }
        },
    );
}

#[test]
fn who_takes_no_acknowledgement_is_cut() {
    let short = |config: &mut Value| config["limits"] = json!({"bodyWindowMilliseconds": 500});
    withstood(GROWTH_MAX, short, |sidecar| {
        for (kind, payload) in [(PING, &[7; 8][..]), (SETTINGS, &[])] {
            let mut raw = Raw::open(sidecar.address);
            let flood = frame(kind, 0, 0, payload).repeat(1000);
            while raw.send(&flood) {}
        }
    });
}

#[test]
fn empty_parts_of_a_body_end_their_connection() {
    withstood(
        GROWTH_MAX,
        |_| {},
        |sidecar| {
            for _ in 0..10 {
                let mut raw = Raw::open(sidecar.address);
                let stream = raw.stream();
                raw.send(ask(stream, 0, "POST", INFER, &[]));
                raw.send(frame(DATA, 0, stream, &[]).repeat(100_000));
                assert_eq!(raw.end(), Some(ENHANCE_YOUR_CALM));
            }
        },
    );
}

/// Every stream of a connection holds back one answer, and the connection goes when its time is over.
#[test]
fn readers_without_a_window_hold_what_their_streams_may_and_are_cut() {
    const CONNECTIONS: usize = 4;
    const STREAMS: usize = 64;
    const WINDOW: u16 = 4;
    let held = (CONNECTIONS * STREAMS * LONG / 1024) as u64;
    let short = |config: &mut Value| config["limits"] = json!({"bodyWindowMilliseconds": 1000});
    withstood(GROWTH_MAX + held + held / 4, short, |sidecar| {
        let mut readers: Vec<Raw> =
            (0..CONNECTIONS).map(|_| Raw::with_settings(sidecar.address, &[(WINDOW, 0)])).collect();
        for raw in &mut readers {
            for _ in 0..STREAMS {
                let stream = raw.stream();
                raw.send(ask(stream, END_STREAM, "POST", INFER, &[]));
            }
        }
        for raw in &mut readers {
            raw.end();
        }
    });
}
