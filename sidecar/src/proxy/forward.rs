//! To the model server and back. In: a request, or a response of the server. Out: the request framed from scratch, or the
//! device's response with its outcome. Bodies pass through unread; only the text of the server's errors stops here.

use std::time::{Duration, Instant};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, HOST},
    request,
};
use tokio::{sync::OwnedSemaphorePermit, time::timeout_at};
use wire::{Outcome, header};

use admission::load::microseconds;

use crate::proxy::{
    answer::{Answer, Held, ReplyBody, Work},
    ending::Ending,
    headers,
    respond::{self, Refusal, Reply},
    route::Context,
    upload::Upload,
    upstream::{Upstream, body::ServerBody},
};

/// A response of the server and what it holds.
pub struct Passage {
    pub response: Response<ServerBody>,
    pub work: Option<Work>,
    /// The place of a relay.
    pub place: Option<OwnedSemaphorePermit>,
    pub deadline: Instant,
    pub waited: Duration,
    pub service: Duration,
}

/// A request for the server.
pub fn request(
    upstream: &Upstream,
    method: Method,
    path: &str,
    from: HeaderMap,
    body: Upload,
) -> Request<Upload> {
    let mut headers = headers::to_server(from);
    if let Ok(host) = HeaderValue::from_str(upstream.host()) {
        headers.insert(HOST, host);
    }
    let mut request = request::Builder::new()
        .method(method)
        .uri(path)
        .body(body)
        .expect("the path was matched against a list of words that URLs can have");
    *request.headers_mut() = headers;
    request
}

/// Makes the device's response of the server's.
pub async fn finish(cx: &Context, passage: Passage, ending: Ending) -> Result<Reply, Refusal> {
    let status = passage.response.status();
    if status.is_success() {
        // Only what the model did is measured: a server that fails fast must not look fast.
        cx.endpoint.load.served(Instant::now(), passage.service);
        cx.endpoint.metrics.served(passage.service);
        return Ok(served(cx, passage, Some(ending)));
    }
    if status.is_client_error() {
        let reply = rejected(cx, passage).await;
        ending.finish(Outcome::Rejected);
        return Ok(reply);
    }
    tracing::warn!(status = status.as_u16(), "the model server failed");
    if let Some(work) = passage.work {
        work.fail();
    }
    ending.finish(Outcome::UpstreamFailed);
    Err(Outcome::UpstreamFailed.into())
}

/// Passes an answer on; the slot goes with its last byte.
pub fn served(cx: &Context, passage: Passage, ending: Option<Ending>) -> Reply {
    let (parts, body) = passage.response.into_parts();
    let held = Held { work: passage.work, place: passage.place, ending };
    let is_inference = held.ending.is_some();
    let mut reply = Response::new(ReplyBody::answer(Answer::new(body, held, passage.deadline)));
    *reply.status_mut() = parts.status;
    *reply.headers_mut() = headers::to_device(parts.headers);
    respond::provenance(&cx.endpoint, reply.headers_mut(), Outcome::Served, cx.form);
    if is_inference {
        times(reply.headers_mut(), passage.waited, passage.service);
    }
    reply
}

/// How long it waited and how long the server took.
pub fn times(headers: &mut HeaderMap, waited: Duration, service: Duration) {
    respond::number(headers, header::QUEUE_US, microseconds(waited));
    respond::number(headers, header::SERVICE_US, microseconds(service));
}

/// The server refused: its status goes on, its text goes to the log. Servers have put secrets into such texts.
async fn rejected(cx: &Context, passage: Passage) -> Reply {
    let status = passage.response.status();
    let text = error_text(passage.response.into_body(), passage.deadline).await;
    if let Some(work) = passage.work {
        work.fail();
    }
    tracing::info!(status = status.as_u16(), text, "the model server rejected a request");
    let refusal = Refusal::with_status(Outcome::Rejected, status);
    let mut reply = respond::refuse(&cx.endpoint, &refusal, cx.form);
    if cx.endpoint.config.relay_model_errors {
        *reply.body_mut() = ReplyBody::text(text);
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    times(reply.headers_mut(), passage.waited, passage.service);
    reply
}

/// The beginning of the server's text.
async fn error_text(mut body: ServerBody, deadline: Instant) -> String {
    const READ_BYTES_MAX: usize = 4096;
    const CHARS_MAX: usize = 200;
    let mut bytes = Vec::new();
    let read = async {
        while bytes.len() < READ_BYTES_MAX {
            let Some(Ok(piece)) = body.piece().await else { break };
            bytes.extend(piece);
        }
    };
    let _ = timeout_at(deadline.into(), read).await;
    String::from_utf8_lossy(&bytes).chars().filter(|char| !char.is_control()).take(CHARS_MAX).collect()
}

/// Whether a status of the server says that a probe succeeded.
pub fn is_yes(status: StatusCode) -> bool {
    status == StatusCode::OK
}

/// A `GET` of our own.
pub fn probe(upstream: &Upstream, path: &str) -> Request<Upload> {
    request(upstream, Method::GET, path, HeaderMap::new(), Upload::default())
}
