//! Strict reading of one HTTP/1 request head. In: the bytes up to and with the empty line. Out: the request without its
//! body, or the fault. Parsers are lenient where RFC 9112 lets a server be; in front of another server leniency is
//! smuggling, so every rule is checked here before the parser sees a byte.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    header::{CONNECTION, EXPECT},
};

use super::framing::Body;

/// Most lines that a head can be allowed.
pub const HEADERS_MAX: usize = 256;

/// A request before its body.
#[derive(Debug)]
pub struct Head {
    pub request: Request<()>,
    pub body: Body,
    /// Whether the client wants to go on with this connection.
    pub keeps: bool,
    /// Whether it waits for a word before it sends the body.
    pub expects: bool,
}

/// What is wrong with a request, before anything else can be said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Ambiguous or broken framing; the text names the rule.
    Broken(&'static str),
    /// The request line alone is longer than a head may be.
    TargetTooLong,
    /// Too many header lines or bytes.
    TooLarge,
    /// The head took too long.
    TooSlow,
}

impl Fault {
    /// Status code and the words behind it.
    pub const fn status(self) -> (u16, &'static str) {
        match self {
            Self::Broken(_) => (400, "Bad Request"),
            Self::TargetTooLong => (414, "URI Too Long"),
            Self::TooLarge => (431, "Request Header Fields Too Large"),
            Self::TooSlow => (408, "Request Timeout"),
        }
    }

    /// For the log.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Broken(rule) => rule,
            Self::TargetTooLong => "request line over the limit",
            Self::TooLarge => "header lines or bytes over the limit",
            Self::TooSlow => "head slower than the limit",
        }
    }
}

const METHODS: [&[u8]; 7] = [b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"];

#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    length: Option<u64>,
    chunked: bool,
}

/// Reads a head that ends with an empty line and holds no bare CR or LF.
pub fn read(head: &Bytes, headers_max: usize) -> Result<Head, Fault> {
    const UNREADABLE: Fault = Fault::Broken("unreadable head");
    let body = check(head, headers_max)?;
    let mut lines = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    let whole = parsed.parse_with_uninit_headers(head, &mut lines).map_err(|_| UNREADABLE)?;
    let (httparse::Status::Complete(_), Some(method), Some(target)) = (whole, parsed.method, parsed.path)
    else {
        return Err(UNREADABLE);
    };
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|_| UNREADABLE)?;
    let target = head.slice_ref(target.as_bytes());
    *request.uri_mut() = Uri::from_maybe_shared(target).map_err(|_| UNREADABLE)?;
    *request.version_mut() = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    *request.headers_mut() = headers(head, parsed.headers).ok_or(UNREADABLE)?;
    let keeps = keeps(request.version(), request.headers());
    let expect = request.headers().get(EXPECT).map(HeaderValue::as_bytes);
    // RFC 9110, 10.1.1: in HTTP/1.0 the word means nothing.
    let expects = request.version() == Version::HTTP_11
        && expect.is_some_and(|word| word.eq_ignore_ascii_case(b"100-continue"));
    Ok(Head { request, body, keeps, expects })
}

/// Lines as values that share the head's bytes.
pub fn headers(head: &Bytes, lines: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).ok()?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(line.value)).ok()?;
        headers.append(name, value);
    }
    Some(headers)
}

/// Whether a connection goes on behind a message of this version with these lines. RFC 9112, 9.3.
pub fn keeps(version: Version, headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    let mut keeps = version == Version::HTTP_11;
    for word in lines.flat_map(|line| line.split(',')).map(str::trim) {
        if word.eq_ignore_ascii_case("close") {
            return false;
        }
        keeps |= word.eq_ignore_ascii_case("keep-alive");
    }
    keeps
}

/// What is asked of a head, and how the body behind it ends.
pub fn check(head: &[u8], headers_max: usize) -> Result<Body, Fault> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let request = lines.next().unwrap_or_default();
    let [method, target, version] = request_line(request)?;
    let mut fields = Fields::default();
    for (index, line) in lines.take_while(|line| !line.is_empty()).enumerate() {
        if index >= headers_max {
            return Err(Fault::TooLarge);
        }
        field(line, &mut fields)?;
    }
    host(target, version, fields.host)?;
    body(method, version, &fields)
}

fn request_line(line: &[u8]) -> Result<[&[u8]; 3], Fault> {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Fault::Broken("request line is not method, target, version"));
    };
    if !METHODS.contains(&method) {
        return Err(Fault::Broken("unknown method"));
    }
    if !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
        return Err(Fault::Broken("unknown version"));
    }
    // What comes behind a # never belongs to a request, and parsers differ in what they make of it.
    if target.is_empty() || !target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') {
        return Err(Fault::Broken("target has bytes that a URL cannot have"));
    }
    Ok([method, target, version])
}

fn field<'a>(line: &'a [u8], fields: &mut Fields<'a>) -> Result<(), Fault> {
    let colon =
        line.iter().position(|byte| *byte == b':').ok_or(Fault::Broken("header line without colon"))?;
    let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(Fault::Broken("header name is not a token"));
    }
    if value.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
        return Err(Fault::Broken("control character in a header value"));
    }
    if name.eq_ignore_ascii_case(b"host") && fields.host.replace(value).is_some() {
        return Err(Fault::Broken("two Host lines"));
    }
    if name.eq_ignore_ascii_case(b"content-length") && fields.length.replace(length(value)?).is_some() {
        return Err(Fault::Broken("two Content-Length lines"));
    }
    if name.eq_ignore_ascii_case(b"transfer-encoding") {
        if std::mem::replace(&mut fields.chunked, true) {
            return Err(Fault::Broken("two Transfer-Encoding lines"));
        }
        if value != b"chunked" {
            return Err(Fault::Broken("transfer coding is not exactly chunked"));
        }
    }
    Ok(())
}

/// Space and tab go; other white space of ASCII is a control character here.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn length(value: &[u8]) -> Result<u64, Fault> {
    const DIGITS_MAX: usize = 18;
    if value.is_empty() || value.len() > DIGITS_MAX || !value.iter().all(u8::is_ascii_digit) {
        return Err(Fault::Broken("Content-Length is not a number"));
    }
    Ok(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

fn host(target: &[u8], version: &[u8], host: Option<&[u8]>) -> Result<(), Fault> {
    let Some(host) = host else {
        return if version == b"HTTP/1.0" && target.starts_with(b"/") {
            Ok(())
        } else {
            Err(Fault::Broken("no Host line"))
        };
    };
    if !is_authority(host) {
        return Err(Fault::Broken("Host is not an authority"));
    }
    if target.starts_with(b"/") {
        return Ok(());
    }
    let rest = target.strip_prefix(b"http://").ok_or(Fault::Broken("target is not a path"))?;
    let authority = rest.split(|byte| matches!(byte, b'/' | b'?')).next().unwrap_or_default();
    if authority.eq_ignore_ascii_case(host) {
        Ok(())
    } else {
        Err(Fault::Broken("target names another authority than Host"))
    }
}

/// Whether a text can be a host with its port, as far as its letters go: no user's name above all.
pub fn is_authority(text: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]%".contains(byte);
    !text.is_empty() && text.iter().all(fits)
}

fn body(method: &[u8], version: &[u8], fields: &Fields<'_>) -> Result<Body, Fault> {
    if fields.chunked && fields.length.is_some() {
        return Err(Fault::Broken("Content-Length with Transfer-Encoding"));
    }
    if fields.chunked && version == b"HTTP/1.0" {
        return Err(Fault::Broken("Transfer-Encoding in HTTP/1.0"));
    }
    let length = fields.length.unwrap_or(0);
    let takes_no_body = matches!(method, b"GET" | b"HEAD" | b"DELETE" | b"OPTIONS");
    if takes_no_body && (fields.chunked || length > 0) {
        return Err(Fault::Broken("body on a method that has none"));
    }
    Ok(if fields.chunked { Body::CHUNKED } else { Body::Length(length) })
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
