//! What RFC 9113 asks of a server that passes requests on to HTTP/1, each row with its section.

use crate::{
    frames::{DATA, END_HEADERS, END_STREAM, HEADERS, PROTOCOL_ERROR, Raw, block, frame},
    harness::{Sidecar, eventually},
    musts::{got, want},
    server::Server,
};

type Lines<'a> = &'a [(&'a str, &'a str)];
type Parts<'a> = &'a [&'a [u8]];
/// A rule, both kinds of lines, the parts of a body, and the lines that the model server gets.
type Passing<'a> = (&'a str, Lines<'a>, Lines<'a>, Parts<'a>, Parts<'a>);

const USUAL: Lines<'_> =
    &[(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/v2/models/m/infer")];

/// Asks over a connection of its own; what was answered.
fn asked(sidecar: &Sidecar, pseudo: Lines<'_>, lines: Lines<'_>, parts: &[&[u8]]) -> Result<u16, u32> {
    let mut raw = Raw::open(sidecar.address);
    let stream = raw.stream();
    let end = |is_last: bool| if is_last { END_STREAM } else { 0 };
    let head = block(&[pseudo, lines].concat());
    let mut bytes = frame(HEADERS, END_HEADERS | end(parts.is_empty()), stream, &head);
    for (index, part) in parts.iter().enumerate() {
        bytes.extend(frame(DATA, end(index + 1 == parts.len()), stream, part));
    }
    raw.send(bytes);
    raw.verdict(stream)
}

fn without(name: &str) -> Vec<(&'static str, &'static str)> {
    USUAL.iter().copied().filter(|(other, _)| *other != name).collect()
}

fn with(name: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    USUAL.iter().map(|(other, old)| (*other, if *other == name { value } else { old })).collect()
}

#[test]
fn malformed_requests_are_refused_and_pass_nothing() {
    const RESET: Result<u16, u32> = Err(PROTOCOL_ERROR);
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let heads: &[(&str, Result<u16, u32>, Lines<'_>)] = &[
        ("8.2 a capital letter in a name", RESET, &[("X-b", "1")]),
        ("8.2.1 a space in a name", RESET, &[("x b", "1")]),
        ("8.2.1 a colon in a name", RESET, &[("x:b", "1")]),
        ("8.2.1 CR in a value", RESET, &[("x", "a\rb")]),
        ("8.2.1 LF in a value", RESET, &[("x", "a\nx-b: 2")]),
        ("8.2.1 NUL in a value", RESET, &[("x", "a\0b")]),
        ("8.2.1 space before a value", Ok(400), &[("x", " a")]),
        ("8.2.1 a tab behind a value", Ok(400), &[("x", "a\t")]),
        ("8.2.2 connection", RESET, &[("connection", "x-b"), ("x-b", "1")]),
        ("8.2.2 keep-alive", RESET, &[("keep-alive", "5")]),
        ("8.2.2 proxy-connection", RESET, &[("proxy-connection", "keep-alive")]),
        ("8.2.2 transfer-encoding", RESET, &[("transfer-encoding", "chunked")]),
        ("8.2.2 upgrade", RESET, &[("upgrade", "h2c")]),
        ("8.2.2 te with more than trailers", RESET, &[("te", "gzip")]),
        ("8.3 one behind the others", RESET, &[("x", "y"), (":path", "/v2")]),
        ("8.3 one twice", RESET, &[(":path", "/v2")]),
        ("8.3 one of an answer", RESET, &[(":status", "200")]),
        ("8.3 an unknown one", RESET, &[(":version", "1")]),
        ("8.3.1 another host than the authority", Ok(400), &[("host", "b")]),
        ("8.3.1 two hosts", Ok(400), &[("host", "a"), ("host", "a")]),
    ];
    for (rule, verdict, lines) in heads {
        assert_eq!(asked(&sidecar, USUAL, lines, &[]), *verdict, "{rule}");
    }
    let pseudo = [
        ("8.3.1 no method", RESET, without(":method")),
        ("8.3.1 no scheme", RESET, without(":scheme")),
        ("8.3.1 no path", RESET, without(":path")),
        ("8.3.1 an empty path", RESET, with(":path", "")),
        ("8.3.1 a path without its slash", RESET, with(":path", "v2")),
        ("8.3.1 space in a path", RESET, with(":path", "/v2 /x")),
        ("8.3.1 no authority and no host", Ok(400), without(":authority")),
        ("8.3.1 a user's name", Ok(400), with(":authority", "u@a")),
        ("8.5 CONNECT with a path", RESET, with(":method", "CONNECT")),
    ];
    for (rule, verdict, lines) in pseudo {
        assert_eq!(asked(&sidecar, &lines, &[], &[]), verdict, "{rule}");
    }
    let bodies: &[(&str, Lines<'_>, &[&[u8]])] = &[
        ("8.1.1 less than the length", &[("content-length", "3")], &[b"{}"]),
        ("8.1.1 more than the length", &[("content-length", "1")], &[b"{}"]),
        ("8.1.1 more than the length, later", &[("content-length", "2")], &[b"{}", b"x"]),
        ("8.1.1 a length and nothing", &[("content-length", "2")], &[]),
        ("8.1.1 two lengths", &[("content-length", "2"), ("content-length", "3")], &[b"{}"]),
        ("8.1.1 a length that is none", &[("content-length", "0x2")], &[b"{}"]),
    ];
    for (rule, lines, parts) in bodies {
        assert_eq!(asked(&sidecar, USUAL, lines, parts), RESET, "{rule}");
    }
    eventually("no request", || sidecar.gauge("requests_running") == 0);
    let whole: Vec<_> = server.inferences().into_iter().filter(|seen| !seen.body.is_empty()).collect();
    assert!(whole.is_empty(), "{whole:?}");
}

#[test]
fn what_may_pass_passes_as_one_clear_request() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let via: &[u8] = b"via: 2 longshore";
    let length: &[u8] = b"content-length: 2";
    let host = [&without(":authority")[..], &[("host", "a")]].concat();
    let rows: &[Passing<'_>] = &[
        ("8.1 a body in parts", USUAL, &[], &[b"{", b"", b"}"], &[length, via]),
        ("8.1.1 the length as it is", USUAL, &[("content-length", "2")], &[b"{}"], &[length, via]),
        ("8.2.2 te of trailers", USUAL, &[("te", "trailers")], &[b"{}"], &[length, via]),
        (
            "8.2.3 cookies become one line",
            USUAL,
            &[("cookie", "a=b"), ("x-b", "1"), ("cookie", "c=d; e=f"), ("cookie", "g=h")],
            &[b"{}"],
            &[length, b"cookie: a=b; c=d; e=f; g=h", via, b"x-b: 1"],
        ),
        ("8.3.1 host in place of the authority", &host, &[], &[b"{}"], &[length, via]),
        ("8.3.1 host as the authority", USUAL, &[("host", "A")], &[b"{}"], &[length, via]),
        ("8.2.1 an empty value", USUAL, &[("x-b", "")], &[b"{}"], &[length, via, b"x-b: "]),
        ("9110 10.1.1 expectations end here", USUAL, &[("expect", "100-continue")], &[b"{}"], &[length, via]),
        (
            "9110 7.6.3 Via grows at its end",
            USUAL,
            &[("via", "1.1 p")],
            &[b"{}"],
            &[length, b"via: 1.1 p", via],
        ),
        ("8.1 no body", USUAL, &[], &[], &[b"content-length: 0", via]),
    ];
    for (count, (rule, pseudo, lines, parts, passed)) in rows.iter().enumerate() {
        assert_eq!(asked(&sidecar, pseudo, lines, parts), Ok(200), "{rule}");
        let seen = server.inferences();
        assert_eq!(seen.len(), count + 1, "{rule}");
        let body = if parts.is_empty() { "" } else { "{}" };
        let (got, want) = (got(&server, seen.last().unwrap()), want(passed, body));
        let text =
            |lines: &[Vec<u8>]| lines.iter().map(|line| line.escape_ascii().to_string()).collect::<Vec<_>>();
        assert_eq!((text(&got.0), got.1), (text(&want.0), want.1), "{rule}");
    }
}

/// 8.1: what stands behind a body ends here, and a request with it is whole.
#[test]
fn trailers_end_here() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let mut raw = Raw::open(sidecar.address);
    let stream = raw.stream();
    raw.send(frame(HEADERS, END_HEADERS, stream, &block(USUAL)));
    raw.send(frame(DATA, 0, stream, b"{}"));
    raw.send(frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        stream,
        &block(&[("content-length", "9"), ("x", "y")]),
    ));
    assert_eq!(raw.verdict(stream), Ok(200));
    let (lines, body) = got(&server, &server.inferences()[0]);
    assert_eq!(body, b"{}");
    assert_eq!(lines.len(), 3, "{lines:?}");
}

/// 8.1, 8.5: neither pushes nor tunnels; a method that is not there is an answer.
#[test]
fn other_methods_are_answered() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "BREW"] {
        assert_eq!(asked(&sidecar, &with(":method", method), &[], &[]), Ok(405), "{method}");
    }
    let tunnel = &[(":method", "CONNECT"), (":authority", "a:80")];
    assert!(matches!(asked(&sidecar, tunnel, &[], &[]), Ok(400..=405) | Err(_)));
    assert_eq!(server.inferences().len(), 0);
}
