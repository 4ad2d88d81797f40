//! Heads of responses: pure. In: bytes. Out: status and lines, and how the body behind them ends. RFC 9112, 6.3.

use std::{io, mem::MaybeUninit};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

use crate::proxy::http1::{
    framing::Body,
    head::{self, headers},
};

const LINES_MAX: usize = 128;

/// The head at the beginning of `bytes` and its length; `None` when it has not ended.
pub fn read(bytes: &Bytes) -> io::Result<Option<(Response<()>, usize)>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut lines = [const { MaybeUninit::uninit() }; LINES_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    let status =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, &mut lines);
    let length = match status {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(bad("no head of a response")),
    };
    let mut response = Response::new(());
    let code = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    *response.status_mut() = code.ok_or_else(|| bad("no status"))?;
    *response.version_mut() = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    *response.headers_mut() = headers(bytes, parsed.headers).ok_or_else(|| bad("a line that is none"))?;
    Ok(Some((response, length)))
}

/// How the body behind a head ends: a coding counts and not a length beside it. Two of either could be read in two ways.
pub fn body(status: StatusCode, headers: &HeaderMap) -> io::Result<Body> {
    if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Ok(Body::NONE);
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (lengths.next(), lengths.next(), codings.next(), codings.next()) {
        (None, None, None, None) => Ok(Body::UntilClose),
        (Some(length), None, None, None) => Ok(Body::Length(number(length)?)),
        (_, None, Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Ok(Body::CHUNKED)
        }
        _ => Err(bad("a body that ends in more than one way")),
    }
}

/// Whether the server goes on with this connection, and is to be believed where the next response begins.
pub fn keeps(head: &Response<()>) -> bool {
    let lines = head.headers();
    let is_clear = !(lines.contains_key(CONTENT_LENGTH) && lines.contains_key(TRANSFER_ENCODING));
    is_clear && head::keeps(head.version(), lines)
}

fn number(value: &HeaderValue) -> io::Result<u64> {
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).ok_or_else(|| bad("a length that is no number"))
}

/// The server sent what is no response.
pub fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
