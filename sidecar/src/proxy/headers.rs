//! Header lines that cross the endpoint. In: what came. Out: what may go on; framing, hop-by-hop lines, our own words and
//! whatever a client could use to speak in a proxy's name stay here.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue, Version,
    header::{
        ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
    },
};
use wire::{grpc, priority};

static HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    CONTENT_LENGTH,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
];
const PREFIXES: [&str; 3] = [wire::header::PREFIX, "x-forwarded-", "proxy-"];
/// Accept-Encoding: a compressed answer would cost the device more than it saves on tensors, and hides its length.
static REQUEST_ONLY: [HeaderName; 8] = [
    HOST,
    EXPECT,
    FORWARDED,
    ACCEPT_ENCODING,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static(wire::header::LOAD_FORMAT),
    HeaderName::from_static(grpc::ACCEPT_ENCODING),
    HeaderName::from_static(grpc::TIMEOUT),
];
static RESPONSE_ONLY: [HeaderName; 3] = [
    HeaderName::from_static(wire::header::LOAD),
    HeaderName::from_static(wire::header::LOAD_BINARY),
    HeaderName::from_static(grpc::ACCEPT_ENCODING),
];

/// Says that a request came through here, and in which version. RFC 9110 (7.6.3) asks that of every gateway.
pub fn mark(headers: &mut HeaderMap, version: Version) {
    let mark = match version {
        Version::HTTP_10 => "1.0 longshore",
        Version::HTTP_2 => "2 longshore",
        _ => "1.1 longshore",
    };
    headers.append(VIA, HeaderValue::from_static(mark));
}

/// Lines of a request that the model server may see.
pub fn to_server(headers: HeaderMap) -> HeaderMap {
    let mut headers = without(headers, &REQUEST_ONLY);
    if let Some(cookies) = cookies(&headers) {
        headers.insert(COOKIE, cookies);
    }
    headers
}

/// HTTP/2 may cut cookies into lines of their own, HTTP/1 may not.
fn cookies(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() < 2 { None } else { HeaderValue::from_bytes(&lines.join(&b"; "[..])).ok() }
}

/// Lines of a response that the device may see.
pub fn to_device(headers: HeaderMap) -> HeaderMap {
    without(headers, &RESPONSE_ONLY)
}

/// Changed in place: most lines stay.
fn without(mut headers: HeaderMap, stops: &[HeaderName]) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let is_stopped = |name: &&HeaderName| {
        HOP_BY_HOP.contains(name)
            || stops.contains(name)
            || named.contains(name)
            || PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
    };
    let stopped: Vec<HeaderName> = headers.keys().filter(is_stopped).cloned().collect();
    for name in stopped {
        headers.remove(name);
    }
    headers
}

/// The time that a request leaves, the shorter where it says so twice; absent, or an error.
pub fn time_left(headers: &HeaderMap) -> Result<Option<Duration>, ()> {
    let milliseconds = number(headers, wire::header::DEADLINE_MS)?.map(Duration::from_millis);
    let timeout = match headers.get(grpc::TIMEOUT) {
        None => None,
        Some(value) => Some(value.to_str().ok().and_then(grpc::timeout).ok_or(())?),
    };
    Ok(milliseconds.into_iter().chain(timeout).min())
}

/// How urgent a request is, where it does not say so as urgent as most; or an error.
pub fn priority(headers: &HeaderMap) -> Result<u8, ()> {
    let Some(priority) = number(headers, wire::header::PRIORITY)? else { return Ok(priority::DEFAULT) };
    u8::try_from(priority).ok().filter(|priority| *priority <= priority::MAX).ok_or(())
}

/// Absent, a positive whole number, or an error.
fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, ()> {
    const DIGITS_MAX: usize = 9;
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let digits = value.to_str().map_err(drop)?;
    let is_number =
        (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if values.next().is_some() || !is_number {
        return Err(());
    }
    digits.parse().ok().filter(|number| *number > 0).map(Some).ok_or(())
}
