//! What RFC 9110 and RFC 9112 ask of a gateway, each row with its section. What is refused never reaches the model server;
//! what is passed on reaches it as exactly the bytes that stand here.

use std::io::{Read, Write};

use crate::{
    harness::{HEAD, Sidecar, infer},
    server::{ANSWER, Seen, Server},
};

/// What the model server got: the lines of its head, those of one name in their order, and the body.
pub fn got(server: &Server, seen: &Seen) -> (Vec<Vec<u8>>, Vec<u8>) {
    let head = seen.head.strip_suffix(b"\r\n\r\n").expect("a head ends once").to_vec();
    let text =
        head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec());
    let host = format!("host: {}", server.address).into_bytes();
    let (hosts, mut lines): (Vec<_>, Vec<_>) = text.partition(|line| *line == host);
    assert_eq!(hosts.len(), 1, "our own Host, once");
    lines[1..].sort_by_key(|line| line.split(|byte| *byte == b':').next().map(<[u8]>::to_vec));
    (lines, seen.body.clone())
}

/// The same as a test writes it.
pub fn want(lines: &[&[u8]], body: &str) -> (Vec<Vec<u8>>, Vec<u8>) {
    let line: &[u8] = b"POST /v2/models/m/infer HTTP/1.1";
    ([&[line], lines].concat().into_iter().map(<[u8]>::to_vec).collect(), body.into())
}

/// A rule, a request, and the lines and the body that the model server gets.
type Passing = (&'static str, Vec<u8>, &'static [&'static [u8]], &'static str);

#[test]
#[expect(clippy::too_many_lines, reason = "a table is as long as what it says")]
fn what_may_pass_passes_as_one_clear_request() {
    const VIA: &[u8] = b"via: 1.1 longshore";
    const LENGTH: &[u8] = b"content-length: 2";
    const NOTHING: &[u8] = b"content-length: 0";
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let two = "Content-Length: 2\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let rows: [Passing; 18] = [
        ("9112 6.3 no length, no body", format!("{HEAD}\r\n").into(), &[NOTHING, VIA], ""),
        ("9110 5.1 names in any case", format!("{HEAD}cOnTeNt-LeNgTh: 2\r\n\r\n{{}}").into(), &[LENGTH, VIA], "{}"),
        ("9110 5.5 space around a value", format!("{HEAD}{two}X-B:\t 2 \t\r\n\r\n{{}}").into(), &[LENGTH, VIA, b"x-b: 2"], "{}"),
        ("9110 5.5 empty value", format!("{HEAD}{two}X-B:\r\n\r\n{{}}").into(), &[LENGTH, VIA, b"x-b: "], "{}"),
        (
            "9110 5.5 opaque bytes",
            [format!("{HEAD}{two}X-B: ").as_bytes(), b"\xe4\xff\r\n\r\n{}"].concat(),
            &[LENGTH, VIA, b"x-b: \xe4\xff"],
            "{}",
        ),
        (
            "9110 5.3 order of repeated lines",
            format!("{HEAD}X-B: 2\r\n{two}X-B: 1\r\nx-b: 3\r\n\r\n{{}}").into(),
            &[LENGTH, VIA, b"x-b: 2", b"x-b: 1", b"x-b: 3"],
            "{}",
        ),
        (
            "9110 7.6.1 what Connection names, and Connection",
            format!("{HEAD}{two}X-A: 1\r\nConnection: X-A, keep-alive\r\nConnection: x-c\r\nKeep-Alive: 5\r\nX-C: 3\r\nX-B: 2\r\n\r\n{{}}").into(),
            &[LENGTH, VIA, b"x-b: 2"],
            "{}",
        ),
        (
            "9110 7.6.1 Connection cannot take the length away",
            format!("{HEAD}{two}Connection: Content-Length, Host\r\n\r\n{{}}").into(),
            &[LENGTH, VIA],
            "{}",
        ),
        (
            "9110 7.6.3 Via grows at its end",
            format!("{HEAD}{two}Via: 1.0 fred, 1.1 p\r\n\r\n{{}}").into(),
            &[LENGTH, b"via: 1.0 fred, 1.1 p", VIA],
            "{}",
        ),
        ("9110 7.8 no upgrade", format!("{HEAD}{two}Upgrade: h2c, x\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n{{}}").into(), &[LENGTH, VIA], "{}"),
        ("9110 10.1.4 TE", format!("{HEAD}{two}TE: trailers\r\n\r\n{{}}").into(), &[LENGTH, VIA], "{}"),
        ("9112 2.3 our own version", "POST /v2/models/m/infer HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}".into(), &[LENGTH, b"via: 1.0 longshore"], "{}"),
        (
            "9112 3.2.2 the absolute form",
            "POST http://a/v2/models/m/infer HTTP/1.1\r\nHost: A\r\nContent-Length: 2\r\n\r\n{}".into(),
            &[LENGTH, VIA],
            "{}",
        ),
        // Nothing behind takes one.
        ("a query stays here", "POST /v2/models/m/infer?x=/../y HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}".into(), &[LENGTH, VIA], "{}"),
        ("9112 7.1 chunks", format!("{HEAD}{chunked}1\r\n{{\r\n1\r\n}}\r\n0\r\n\r\n").into(), &[LENGTH, VIA], "{}"),
        (
            "9112 7.1 sizes in any case, with zeros",
            format!("{HEAD}{chunked}00A\r\n0123456789\r\n0c\r\n0123456789ab\r\n000\r\n\r\n").into(),
            &[b"content-length: 22", VIA],
            "01234567890123456789ab",
        ),
        ("9112 7.1.1 extensions", format!("{HEAD}{chunked}2;a=\"b;c\" ;d\r\n{{}}\r\n0;e\r\n\r\n").into(), &[LENGTH, VIA], "{}"),
        ("9112 7.1 no chunk but the last", format!("{HEAD}{chunked}0\r\n\r\n").into(), &[NOTHING, VIA], ""),
    ];
    for (rule, request, lines, body) in rows {
        let mut client = sidecar.client();
        client.send(&request);
        assert_eq!(client.reply().outcome(), "served", "{rule}");
        let seen = server.inferences();
        let (got, want) = (got(&server, seen.last().unwrap()), want(lines, body));
        let text =
            |lines: &[Vec<u8>]| lines.iter().map(|line| line.escape_ascii().to_string()).collect::<Vec<_>>();
        assert_eq!((text(&got.0), got.1), (text(&want.0), want.1), "{rule}");
    }
    assert_eq!(server.inferences().len(), 18, "one request for each");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table is as long as what it says")]
fn what_is_broken_or_ambiguous_is_refused_and_passes_nothing() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let smuggled = infer("", "{}");
    let of = |lines: &str, body: &str| format!("{HEAD}{lines}\r\n{body}");
    let chunks = |body: &str| of("Transfer-Encoding: chunked\r\n", body);
    let line = |line: &str| format!("{line}\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    let target = "/v2/models/m/infer";
    let rows = [
        ("9110 5.1 a name is a token", 400, of("X(y): 1\r\n", "")),
        ("9110 5.5 NUL in a value", 400, of("X: a\0b\r\n", "")),
        (
            "9110 7.2 Host is a host",
            400,
            format!("POST {target} HTTP/1.1\r\nHost: a b\r\nContent-Length: 0\r\n\r\n"),
        ),
        ("9110 8.6 a list of lengths", 400, of("Content-Length: 2, 2\r\n", "{}")),
        ("9110 8.6 a signed length", 400, of("Content-Length: +2\r\n", "{}")),
        ("9110 8.6 a length with more behind it", 400, of("Content-Length: 2 2\r\n", "{}")),
        (
            "9112 2.2 space before the first line",
            400,
            format!("POST {target} HTTP/1.1\r\n X: y\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
        ),
        ("9112 2.2 CR alone in a target", 400, line(&format!("POST {target}\rX HTTP/1.1"))),
        ("9112 2.3 a version of later", 400, line(&format!("POST {target} HTTP/2.0"))),
        ("9112 2.3 a version in other letters", 400, line(&format!("POST {target} http/1.1"))),
        ("9112 3 a tab in the request line", 400, line(&format!("POST\t{target} HTTP/1.1"))),
        ("9112 3 two spaces", 400, line(&format!("POST  {target} HTTP/1.1"))),
        ("9112 3 no version", 400, line(&format!("POST {target}"))),
        ("9112 3 a target without end", 414, format!("POST {target}{} HTTP/1.1\r\n", "x".repeat(33_000))),
        ("9112 3.2 a fragment", 400, line(&format!("POST {target}#x HTTP/1.1"))),
        ("9112 3.2.2 a user's name", 400, line("POST http://u@a/v2/models/m/infer HTTP/1.1")),
        ("9112 3.2.3 the form of CONNECT", 400, line("CONNECT a:80 HTTP/1.1")),
        ("9112 3.2.4 the form of OPTIONS", 400, line("POST * HTTP/1.1")),
        ("9112 5.1 space before the colon", 400, of("Content-Length : 2\r\n", "{}")),
        ("9112 5.2 a folded line", 400, of("X: a\r\n\tb\r\n", "")),
        ("9112 6.1 a coding with a parameter", 400, of("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n")),
        ("9112 6.1 a coding that is not last", 400, of("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n")),
        ("9112 6.1 a coding twice", 400, of("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")),
        ("9112 6.1 an empty coding", 400, of("Transfer-Encoding: \r\nContent-Length: 2\r\n", "{}")),
        (
            "9112 6.1 a coding in HTTP/1.0",
            400,
            format!("POST {target} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        ("9112 6.3 two lengths", 400, of("Content-Length: 2\r\nContent-Length: 3\r\n", "{}")),
        ("9112 6.3 a length past any number", 400, of("Content-Length: 18446744073709551618\r\n", "{}")),
        ("9112 7.1 a size past any number", 400, chunks("10000000000000002\r\n{}\r\n0\r\n\r\n")),
        ("9112 7.1 a size that is none", 400, chunks("0x2\r\n{}\r\n0\r\n\r\n")),
        ("9112 7.1 a signed size", 400, chunks("+2\r\n{}\r\n0\r\n\r\n")),
        ("9112 7.1 space behind a size", 400, chunks("2 \r\n{}\r\n0\r\n\r\n")),
        ("9112 7.1 LF alone behind a size", 400, chunks("2\n{}\r\n0\r\n\r\n")),
        ("9112 7.1 a chunk that goes on", 400, chunks("2\r\n{}x\r\n0\r\n\r\n")),
        ("9112 7.1 no end of a chunk", 400, chunks("2\r\n{}0\r\n\r\n")),
        ("9112 7.1.1 CR alone in an extension", 400, chunks("2;a\rb\r\n{}\r\n0\r\n\r\n")),
        (
            "9112 7.1.1 an extension without end",
            400,
            chunks(&format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "a".repeat(300))),
        ),
        ("trailers, which nothing here reads", 400, chunks("2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n")),
    ];
    for (rule, status, request) in rows {
        let mut client = sidecar.client();
        client.send(request);
        client.send(&smuggled);
        let reply = client.reply();
        assert_eq!(reply.outcome(), "malformed", "{rule}: {reply:?}");
        reply.refused(status, "malformed");
        assert_eq!(reply.header("connection"), Some("close"), "{rule}");
        assert!(reply.header("date").is_some(), "9110 6.6.1: {rule}");
        assert!(client.is_closed(), "{rule}");
        assert_eq!(server.inferences().len(), 0, "{rule}");
    }
}

#[test]
fn answers_of_the_model_server_are_framed_anew_or_refused() {
    /// What a client gets of it.
    enum Want {
        /// This status and body.
        Whole(u16, &'static str),
        Refused,
        Cut,
    }
    use Want::{Cut, Refused, Whole};
    let rows = [
        (
            "9112 6.3 coding and length",
            "transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            Whole(200, "hello"),
        ),
        ("9112 6.3 two lengths", "content-length: 2\r\ncontent-length: 3\r\n\r\nokk", Refused),
        ("9112 6.3 a length that is none", "content-length: 0x2\r\n\r\nok", Refused),
        ("9112 6.3 until the end", "\r\nhello", Whole(200, "hello")),
        ("9112 5.1 space before the colon", "x : y\r\ncontent-length: 2\r\n\r\nok", Refused),
        ("9112 5.2 a folded line", "x: a\r\n b\r\ncontent-length: 2\r\n\r\nok", Refused),
        ("9112 7.1 a chunk of no size", "transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", Cut),
        ("9112 7.1 chunks without end", "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", Cut),
        ("9112 8 less than the length", "content-length: 9\r\n\r\nhello", Cut),
        (
            "9112 7.1.2 trailers end here",
            "transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: y\r\n\r\n",
            Whole(200, "ok"),
        ),
        (
            "9110 7.6.1 lines of the connection",
            "connection: x-a, close\r\nx-a: 1\r\nkeep-alive: 5\r\nupgrade: h2c\r\nte: x\r\ncontent-length: 2\r\n\r\nok",
            Whole(200, "ok"),
        ),
    ];
    for (rule, rest, want) in rows {
        let server = Server::start();
        server.script(move |_, stream| {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n{rest}");
            let _ = stream.shutdown(std::net::Shutdown::Both);
        });
        let sidecar = Sidecar::start(&server);
        let mut client = sidecar.client();
        client.send(infer("", "{}"));
        match want {
            Whole(status, body) => {
                let reply = client.reply();
                assert_eq!((reply.status, reply.text().as_str(), reply.cut), (status, body, false), "{rule}");
                let framed = ["content-length", "transfer-encoding"]
                    .iter()
                    .filter(|name| reply.header(name).is_some());
                assert_eq!(framed.count(), 1, "{rule}");
                for name in ["x", "x-a", "keep-alive", "upgrade", "te"] {
                    assert_eq!(reply.header(name), None, "{rule}");
                }
            }
            Refused => client.reply().refused(502, "upstream_failed"),
            Cut => {
                let mut text = Vec::new();
                let _ = client.read_to_end(&mut text);
                let text = String::from_utf8_lossy(&text);
                let is_part = text.is_empty() || text.starts_with("HTTP/1.1 200");
                assert!(is_part && !text.ends_with("0\r\n\r\n"), "{rule}: {text}");
            }
        }
    }
}

#[test]
fn what_is_no_answer_of_the_model_server_is_none_here() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    // 9110 15.2: hints come before an answer and are none.
    server.script(|_, stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        );
    });
    assert_eq!(sidecar.infer("", "{}").text(), "ok");
    // 9110 7.8: nobody asked for another protocol.
    server.script(|_, stream| {
        let _ = stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
    });
    sidecar.infer("Connection: upgrade\r\nUpgrade: x\r\n", "{}").refused(502, "upstream_failed");
    // 9110 15.3.5: no content has no length either; what comes behind it, or behind any answer, is nobody's.
    let extra = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nextra";
    for answer in
        ["204 No Content\r\ncontent-length: 5\r\n\r\nextra", "200 OK\r\ncontent-length: 2\r\n\r\nok"]
    {
        server.script(move |_, stream| {
            let _ = write!(stream, "HTTP/1.1 {answer}{extra}");
        });
        let reply = sidecar.infer("", "{}");
        assert!(
            reply.status == 204 && reply.header("content-length").is_none() || reply.text() == "ok",
            "{reply:?}"
        );
        server.script(|_, stream| crate::server::answer(stream, "200 OK", "own"));
        for _ in 0..5 {
            assert_eq!(sidecar.infer("", "{}").text(), "own", "{answer}");
        }
    }
}

#[test]
fn a_connection_ends_when_it_was_said_to() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let page = "GET /v1alpha1/load HTTP/1.1\r\nHost: a\r\n";
    // 9112 9.3.2: in the order of the requests, each by itself.
    let mut client = sidecar.client();
    client.send([infer("", "first"), format!("{page}\r\n"), infer("", "second")].concat());
    assert_eq!(client.reply().text(), ANSWER);
    assert!(client.reply().json()["named_metrics"].is_object());
    assert_eq!(client.reply().text(), ANSWER);
    let bodies: Vec<Vec<u8>> = server.inferences().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [b"first".to_vec(), b"second".to_vec()]);
    // 9112 9.6: nothing behind "close" is served.
    let mut client = sidecar.client();
    client.send([format!("{page}Connection: close\r\n\r\n"), infer("", "third")].concat());
    assert_eq!(client.reply().header("connection"), Some("close"));
    assert!(client.is_closed());
    assert_eq!(server.inferences().len(), 2);
    // 9112 9.3: HTTP/1.0 closes unless it asks for more, and it knows no chunks and no 100 (9110 10.1.1).
    server.script(|_, stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    });
    let mut client = sidecar.client();
    client.send("POST /v2/models/m/infer HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}");
    let mut text = String::new();
    client.stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.0 200") || text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(
        !text.to_ascii_lowercase().contains("transfer-encoding") && text.ends_with("\r\n\r\nok"),
        "{text}"
    );
    let mut client = sidecar.client();
    let kept = "GET /v1alpha1/load HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    assert_eq!(client.ask(kept).header("connection"), Some("keep-alive"));
    assert_eq!(client.ask(kept).status, 200);
}

#[test]
fn an_answer_says_what_its_kind_must_say() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let mut client = sidecar.client();
    // 9110 9.3.2: the answer to HEAD is a head, and the next answer stands right behind it. 9110 15.5.6: Allow.
    for _ in 0..2 {
        client.send("HEAD /v2/models/m/infer HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = client.head();
        assert_eq!((head.status, head.header("allow")), (405, Some("POST")));
        assert!(head.header("date").is_some(), "9110 6.6.1");
    }
    let other = client.ask("OPTIONS /v2 HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
    assert_eq!((other.status, other.header("allow")), (405, Some("GET")));
    assert!(sidecar.infer("", "{}").header("date").is_some(), "9110 6.6.1");
    assert_eq!(server.inferences().len(), 1);
}
