//! HTTP/1: what is let through, another parser sees as the same requests, ending at the same bytes.

use httparse::{EMPTY_HEADER, Request, Status, parse_chunk_size};

use crate::proxy::http1::{head::Fault, tests::Reader};

const HEADERS_MAX: usize = 16;
const BYTES_MAX: usize = 512;

const EXAMPLES: &[&[u8]] = &[
    b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\nhelloGET /v2 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n00\r\n\r\nGET /v2 HTTP/1.1\r\nhost: a\r\n\r\n",
    b"POST http://a/x HTTP/1.1\r\nHost: A\r\ncontent-length:\t2 \r\nConnection: close\r\nExpect: 100-continue\r\n\r\n{}",
    b"GET /v2 HTTP/1.1\r\nHost: a\x0c\r\n\r\n",
    b"POST /x HTTP/1.0\r\nContent-Length: 7\r\nX-\xff: \xe4\r\n\r\n1234567OPTIONS /v2?q HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
];
const WORDS: &[&str] = &[
    "\r\n",
    "\r",
    "\n",
    "\0",
    " ",
    "\t",
    ":",
    "\r\n\r\n",
    "\r\n ",
    "GET ",
    "POST ",
    "HEAD ",
    "CONNECT ",
    "PRI * ",
    " HTTP/1.1",
    " HTTP/1.0",
    " HTTP/2.0",
    "/",
    "*",
    "#",
    "http://a",
    "Host: a\r\n",
    "Host: b\r\n",
    "X: y\r\n",
    "Content-Length: 2\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 5, 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "transfer-encoding",
    "content-length",
    "chunked",
    "identity",
    ", ",
    ";",
    "0\r\n\r\n",
    "1\r\nx\r\n",
    "ffffffff\r\n",
    "GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "\u{b}",
    "\u{7f}",
    "\u{a0}",
];

/// Where the heads end, and how much of another has begun.
type Reading = (Vec<usize>, usize);

fn framed(bytes: &[u8], piece: usize) -> Result<Reading, Fault> {
    let mut reader = Reader::new(HEADERS_MAX, BYTES_MAX);
    let mut ends = Vec::new();
    for (at, bytes) in bytes.chunks(piece).enumerate() {
        let heads = reader.heads;
        reader.feed(bytes)?;
        if piece == 1 && reader.heads > heads {
            ends.push(at + 1);
        }
    }
    Ok((ends, reader.unfinished()))
}

/// The same by another parser and by the letter of RFC 9112, for bytes that were let through.
fn read(bytes: &[u8]) -> Result<Reading, &'static str> {
    let mut ends = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if !rest.windows(4).any(|four| four == b"\r\n\r\n") {
            return Ok((ends, rest.len()));
        }
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut request = Request::new(&mut headers);
        let Ok(Status::Complete(length)) = request.parse(rest) else { return Err("no head") };
        at += length;
        ends.push(at);
        let of = |name: &str| -> Vec<&[u8]> {
            let all = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
            all.map(|header| header.value).collect()
        };
        at = match (of("content-length").as_slice(), of("transfer-encoding").as_slice()) {
            ([], []) => at,
            ([length], []) => {
                let text = std::str::from_utf8(length).map_err(|_| "a length of other letters")?;
                let length: usize = text.parse().map_err(|_| "a length that is no number")?;
                at.saturating_add(length)
            }
            ([], [b"chunked"]) => chunks(bytes, at)?,
            _ => return Err("more than one framing"),
        };
        if of("host").len() > 1 {
            return Err("more than one host");
        }
    }
    Ok((ends, 0))
}

/// Behind the last chunk, or the end of what is there.
fn chunks(bytes: &[u8], mut at: usize) -> Result<usize, &'static str> {
    loop {
        let Some(rest) = bytes.get(at..) else { return Ok(bytes.len()) };
        match parse_chunk_size(rest) {
            Ok(Status::Complete((length, 0))) => match rest.get(length..length + 2) {
                None => return Ok(bytes.len()),
                Some(b"\r\n") => return Ok(at + length + 2),
                Some(_) => return Err("trailers"),
            },
            Ok(Status::Complete((length, size))) => {
                let size = usize::try_from(size).map_err(|_| "a size past any number")?;
                at = at.saturating_add(length).saturating_add(size);
                if bytes.get(at..at + 2).is_some_and(|end| end != b"\r\n") {
                    return Err("a chunk that goes on");
                }
                at = at.saturating_add(2);
            }
            Ok(Status::Partial) => return Ok(bytes.len()),
            Err(_) => return Err("no chunk"),
        }
    }
}

#[test]
fn fuzzed_heads() {
    fuzz::run(EXAMPLES, WORDS, |bytes| {
        let reading = framed(bytes, 1);
        for piece in [2, 3, 7, bytes.len().max(2)] {
            let (cut, whole) = (framed(bytes, piece), &reading);
            assert_eq!(
                cut.map(|(_, unfinished)| unfinished),
                whole.clone().map(|(_, unfinished)| unfinished),
                "cut at {piece}"
            );
        }
        if let Ok(ours) = &reading {
            assert_eq!(read(bytes).as_ref(), Ok(ours));
        }
        reading.map(|(ends, unfinished)| (ends.len().min(4), unfinished > 0))
    });
}
