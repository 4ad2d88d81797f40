//! Statuses: what an outcome is in gRPC. In: an outcome, or the trailers of the model server. Out: the trailers that a
//! device gets; the text of the server's errors stops here.

use http::{
    HeaderMap, HeaderValue, Response,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use wire::{Outcome, grpc};

use crate::{
    endpoint::Endpoint,
    proxy::{
        answer::ReplyBody,
        respond::{self, LoadForm, Refusal, Reply},
    },
};

/// A refusal: a response of trailers only.
pub fn refuse(endpoint: &Endpoint, refusal: &Refusal, form: Option<LoadForm>) -> Reply {
    let mut reply = head(ReplyBody::text(""));
    reply.headers_mut().insert(grpc::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(seconds) = refusal.retry_after {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply.headers_mut().extend(trailers(endpoint, refusal, form));
    reply
}

/// A response, whose status follows in the trailers.
pub fn head(body: ReplyBody) -> Reply {
    let mut reply = Response::new(body);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(grpc::CONTENT_TYPE));
    reply
}

/// How it ended, who answered, and how loaded it is when asked.
pub fn trailers(endpoint: &Endpoint, refusal: &Refusal, form: Option<LoadForm>) -> HeaderMap {
    let outcome = refusal.outcome;
    let mut trailers = HeaderMap::new();
    trailers.insert(grpc::STATUS, HeaderValue::from(u16::from(refusal.grpc.unwrap_or(outcome.row().grpc))));
    if outcome != Outcome::Served
        && let Ok(text) = HeaderValue::from_str(&respond::problem_text(endpoint, outcome))
    {
        trailers.insert(grpc::MESSAGE, text);
    }
    respond::provenance(endpoint, &mut trailers, outcome, form);
    trailers
}

/// What the server's status means; `None` where there is none.
pub fn outcome(trailers: &HeaderMap) -> Option<Outcome> {
    let code = trailers.get(grpc::STATUS)?.to_str().ok()?.parse();
    Some(code.map_or(Outcome::UpstreamFailed, Outcome::of_grpc))
}

/// The server did not serve: its text goes to the log, and on to the device only where that is wished.
pub fn failed(
    endpoint: &Endpoint,
    outcome: Outcome,
    server: &HeaderMap,
    form: Option<LoadForm>,
) -> HeaderMap {
    let message = words(server);
    let status = server.get(grpc::STATUS).map(HeaderValue::as_bytes).unwrap_or_default().escape_ascii();
    tracing::info!(%status, text = message, "the model server did not serve");
    let mut trailers = trailers(endpoint, &outcome.into(), form);
    if outcome == Outcome::Rejected
        && endpoint.config.relay_model_errors
        && let Ok(message) = HeaderValue::from_str(&message)
    {
        trailers.insert(grpc::MESSAGE, message);
    }
    trailers
}

/// The beginning of the server's text.
pub fn words(server: &HeaderMap) -> String {
    const CHARS_MAX: usize = 200;
    let text = server.get(grpc::MESSAGE).map(HeaderValue::as_bytes).unwrap_or_default();
    let printable = |byte: &&u8| byte.is_ascii_graphic() || **byte == b' ';
    text.iter().filter(printable).take(CHARS_MAX).copied().map(char::from).collect()
}
