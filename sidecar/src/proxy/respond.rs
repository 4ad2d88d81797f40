//! Answers that the endpoint gives itself, and the lines that every answer carries. In: an outcome. Out: a response.

use std::time::{Instant, UNIX_EPOCH};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use wire::{Outcome, Problem, config::LoadHeader, header, outcome::GRPC_UNIMPLEMENTED, problem};

use admission::admit;

use crate::{
    endpoint::Endpoint,
    listen::sniff::Protocol,
    load,
    proxy::{answer::ReplyBody, http1::head::Fault},
};

/// What goes out.
pub type Reply = Response<ReplyBody>;

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub outcome: Outcome,
    /// Where the outcome has more than one.
    pub status: Option<StatusCode>,
    /// The gRPC status, where it is not the outcome's.
    pub grpc: Option<u8>,
    /// The method that the path takes.
    pub allow: Option<&'static str>,
    /// How to prove who asks.
    pub challenge: Option<&'static str>,
    /// When to ask again, in seconds.
    pub retry_after: Option<u64>,
}

impl From<Outcome> for Refusal {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, status: None, grpc: None, allow: None, challenge: None, retry_after: None }
    }
}

impl Refusal {
    pub fn with_status(outcome: Outcome, status: StatusCode) -> Self {
        Self { status: Some(status), ..outcome.into() }
    }

    /// There is no such method in gRPC, or not in this form.
    pub fn unimplemented() -> Self {
        Self { grpc: Some(GRPC_UNIMPLEMENTED), ..Outcome::NotFound.into() }
    }

    fn status(&self) -> StatusCode {
        let of_row = || StatusCode::from_u16(self.outcome.row().status.unwrap_or(500)).ok();
        self.status.or_else(of_row).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// The form of a load report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadForm {
    Json,
    Text,
    Binary,
}

/// The form that a request gets, if any.
pub fn load_form(endpoint: &Endpoint, protocol: Protocol, request: &HeaderMap) -> Option<LoadForm> {
    let form = match request.get(header::LOAD_FORMAT).map(HeaderValue::as_bytes) {
        Some(b"json") => LoadForm::Json,
        Some(b"text") => LoadForm::Text,
        Some(b"bin") => LoadForm::Binary,
        _ if endpoint.config.load_header == LoadHeader::Always => LoadForm::Json,
        _ => return None,
    };
    Some(if protocol == Protocol::Grpc { LoadForm::Binary } else { form })
}

/// A refusal.
pub fn refuse(endpoint: &Endpoint, refusal: &Refusal, form: Option<LoadForm>) -> Reply {
    let mut reply = Response::new(ReplyBody::text(problem_text(endpoint, refusal.outcome)));
    *reply.status_mut() = refusal.status();
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE));
    if let Some(method) = refusal.allow {
        headers.insert(ALLOW, HeaderValue::from_static(method));
    }
    if let Some(challenge) = refusal.challenge {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if let Some(seconds) = refusal.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    provenance(endpoint, headers, refusal.outcome, form);
    reply
}

/// Yes, in an answer without a word.
pub fn empty(endpoint: &Endpoint, form: Option<LoadForm>) -> Reply {
    let mut reply = Response::new(ReplyBody::text(""));
    provenance(endpoint, reply.headers_mut(), Outcome::Served, form);
    reply
}

/// A page of our own.
pub fn json(endpoint: &Endpoint, text: String, form: Option<LoadForm>) -> Reply {
    let mut reply = Response::new(ReplyBody::text(text));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    provenance(endpoint, headers, Outcome::Served, form);
    reply
}

/// How it ended, who answered, and how loaded it is when asked.
pub fn provenance(endpoint: &Endpoint, headers: &mut HeaderMap, outcome: Outcome, form: Option<LoadForm>) {
    headers.insert(header::OUTCOME, HeaderValue::from_static(outcome.word()));
    headers.insert(header::ADVICE, HeaderValue::from_static(outcome.row().advice.word()));
    headers.insert(header::ENDPOINT, endpoint.names.endpoint.clone());
    if let Some(digest) = &endpoint.names.digest {
        headers.insert(header::MODEL_DIGEST, digest.clone());
    }
    let Some(form) = form else { return };
    let report = load::report(endpoint, Instant::now());
    let (name, text) = match form {
        LoadForm::Json => (header::LOAD, report.to_json_header()),
        LoadForm::Text => (header::LOAD, report.to_text_header()),
        LoadForm::Binary => (header::LOAD_BINARY, report.to_binary_header()),
    };
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(name, value);
    }
}

/// A number in a header.
pub fn number(headers: &mut HeaderMap, name: &'static str, value: u64) {
    headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
}

/// The answer to what never became a request, as bytes.
pub fn raw_fault(endpoint: &Endpoint, fault: Fault) -> Bytes {
    let (status, words) = fault.status();
    let body = problem_text(endpoint, Outcome::Malformed);
    let mut text = format!(
        "HTTP/1.1 {status} {words}\r\nconnection: close\r\ncontent-type: {}\r\n",
        problem::CONTENT_TYPE
    );
    let mut headers = HeaderMap::new();
    provenance(endpoint, &mut headers, Outcome::Malformed, None);
    // hyper dates every other answer.
    text += &format!("date: {}\r\n", httpdate::fmt_http_date(UNIX_EPOCH + endpoint.clock.now()));
    for (name, value) in &headers {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    text += &format!("content-length: {}\r\n\r\n{body}", body.len());
    text.into()
}

/// The body of a refusal.
pub fn problem_text(endpoint: &Endpoint, outcome: Outcome) -> String {
    let now = Instant::now();
    let wait = admit::wait(&load::of_anyone(endpoint, now));
    Problem::new(outcome, u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)).to_json()
}
