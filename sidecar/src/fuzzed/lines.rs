//! Header lines: what goes on is what came, without anything that belongs to a hop, to us or to a proxy.

use http::{HeaderMap, HeaderName, HeaderValue, header::COOKIE};

use crate::proxy::headers;

const EXAMPLES: &[&[u8]] = &[
    b"connection: keep-alive, x-named\nx-named: 1\nte: trailers\nx-b: 2\nhost: a",
    b"cookie: a=b\ncookie: c=d\ngrpc-timeout: 100m\nlongshore-deadline-ms: 20",
    b"x-forwarded-for: x\nproxy-authorization: y\nforwarded: for=z\nx-request-id: 1\ntraceparent: 00-x\nvia: 1.1 p",
    b"longshore-deadline-ms: 1\nlongshore-deadline-ms: 2\nendpoint-load-metrics: JSON {}\ncontent-length: 3",
];
const WORDS: &[&str] = &[
    "\n",
    ": ",
    ",",
    ", ",
    "connection: ",
    "x-named",
    "close",
    "keep-alive: 5\n",
    "te: ",
    "trailer: x\n",
    "upgrade: h2c\n",
    "transfer-encoding: chunked\n",
    "content-length: 2\n",
    "proxy-",
    "x-forwarded-",
    "longshore-",
    "longshore-deadline-ms: ",
    "grpc-timeout: ",
    "1H",
    "99999999S",
    "0n",
    "cookie: ",
    "; ",
    "via: ",
    "endpoint-load-metrics-format: json\n",
    "expect: x\n",
];
const NEVER: [&str; 16] = [
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
    "x-forwarded-for",
    "accept-encoding",
    "grpc-timeout",
];

fn lines(bytes: &[u8]) -> HeaderMap {
    let pair = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let (name, value) =
            (HeaderName::from_bytes(&line[..at]), HeaderValue::from_bytes(line[at + 1..].trim_ascii()));
        Some((name.ok()?, value.ok()?))
    };
    let mut lines = HeaderMap::new();
    bytes.split(|byte| *byte == b'\n').filter_map(pair).for_each(|(name, value)| {
        lines.append(name, value);
    });
    lines
}

#[test]
fn fuzzed_lines() {
    fuzz::run(EXAMPLES, WORDS, |bytes| {
        let from = lines(bytes);
        let named: Vec<String> = from
            .get_all("connection")
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(',').map(|name| name.trim().to_ascii_lowercase()))
            .collect();
        let to = headers::to_server(from.clone());
        for (name, value) in &to {
            let text = name.as_str();
            assert!(!NEVER.contains(&text) && !named.iter().any(|other| other == text), "{text}");
            assert!(
                !["longshore-", "proxy-", "x-forwarded-"].iter().any(|of| text.starts_with(of)),
                "{text}"
            );
            assert!(name == COOKIE || from.get_all(name).iter().any(|came| came == value), "{text}");
        }
        assert!(to.get_all(COOKIE).iter().count() <= 1);
        for name in headers::to_device(from.clone()).keys() {
            assert!(!name.as_str().starts_with("longshore-") && name != "endpoint-load-metrics", "{name}");
        }
        let left = headers::time_left(&from);
        let says_so = from.contains_key("longshore-deadline-ms") || from.contains_key("grpc-timeout");
        assert_eq!(left == Ok(None), !says_so, "{left:?}");
        (to.len().min(4), from.len().min(4), left.map(|left| left.map(|left| left.as_secs().min(2))))
    });
}
