//! Calls of the Open Inference Protocol, passed to the model server. In: a request. Out: the server's answer, streamed.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, response};
use hyper::body;
use tokio::sync::OwnedSemaphorePermit;
use wire::{Outcome, grpc};

use super::{
    answer::Answer,
    channel::Channel,
    message::{self, Names},
    respond,
};
use crate::proxy::{
    answer::{Held, ReplyBody, Work},
    ending::Ending,
    headers,
    incoming::Incoming,
    infer::{self, Admitted},
    relay::{self, Begun},
    respond::{Refusal, Reply},
    route::Context,
    upload::Upload,
};

/// A response of the server and what it holds.
struct Passage {
    response: Response<body::Incoming>,
    work: Option<Work>,
    /// The place of a relay.
    place: Option<OwnedSemaphorePermit>,
    deadline: Instant,
    waited: Duration,
}

/// Serves one inference, and counts it.
pub async fn infer(
    cx: &mut Context,
    channel: &Channel,
    request: Request<Incoming>,
) -> Result<Reply, Refusal> {
    let mut ending = Ending::begin(&cx.endpoint, cx.protocol);
    match attempt(cx, channel, request, &mut ending).await {
        Ok(passage) => Ok(served(cx, passage, Some(ending))),
        Err(refusal) => {
            ending.finish(refusal.outcome);
            Err(refusal)
        }
    }
}

async fn attempt(
    cx: &mut Context,
    channel: &Channel,
    request: Request<Incoming>,
    ending: &mut Ending,
) -> Result<Passage, Refusal> {
    let Admitted { parts, upload, slot, times } = infer::admitted(cx, request, ending).await?;
    let endpoint = &cx.endpoint;
    let fault = upload.fault_cell();
    let onward = onward(channel, parts.uri.path(), parts.headers, upload, times.deadline);
    let work = Work::begin(endpoint, slot);
    let sending = pin!(channel.send(onward));
    let (work, response) = infer::answered(endpoint, work, times.deadline, &fault, sending).await?;
    Ok(Passage { response, work: Some(work), place: None, deadline: times.deadline, waited: times.waited })
}

/// Passes on what is no inference.
pub async fn relay(
    cx: &Context,
    channel: &Channel,
    request: Request<Incoming>,
    names: Names,
) -> Result<Reply, Refusal> {
    let endpoint = &cx.endpoint;
    let Begun { place, deadline } = relay::begin(endpoint, &request)?;
    let (parts, body) = request.into_parts();
    let mut upload = infer::arriving(endpoint, body)?;
    message::short(endpoint, &mut upload, names, deadline).await?;
    let onward = onward(channel, parts.uri.path(), parts.headers, upload, deadline);
    let response = relay::answered(endpoint, deadline, pin!(channel.send(onward))).await?;
    let passage = Passage { response, work: None, place: Some(place), deadline, waited: Duration::ZERO };
    Ok(served(cx, passage, None))
}

fn onward(
    channel: &Channel,
    path: &str,
    from: HeaderMap,
    upload: Upload,
    deadline: Instant,
) -> Request<Upload> {
    let mut headers = headers::to_server(from);
    let left = deadline.saturating_duration_since(Instant::now());
    if let Ok(timeout) = HeaderValue::from_str(&grpc::timeout_text(left)) {
        headers.insert(grpc::TIMEOUT, timeout);
    }
    channel.request(path, headers, upload)
}

fn served(cx: &Context, passage: Passage, ending: Option<Ending>) -> Reply {
    let Passage { response, work, place, deadline, waited } = passage;
    let (parts, body) = response.into_parts();
    let held = Held { work, place, ending };
    if let Some(outcome) = early(&parts) {
        held.end(outcome);
        let mut reply = respond::head(ReplyBody::text(""));
        reply.headers_mut().extend(respond::failed(&cx.endpoint, outcome, &parts.headers, cx.form));
        return reply;
    }
    let answer = Answer::new(Arc::clone(&cx.endpoint), cx.form, body, held, deadline, waited);
    let mut reply = respond::head(ReplyBody::grpc(answer));
    reply.headers_mut().extend(headers::to_device(parts.headers));
    reply
}

/// How it ended where the head says so: with trailers only, in which nobody succeeds without a message.
fn early(head: &response::Parts) -> Option<Outcome> {
    if head.status != StatusCode::OK {
        return Some(Outcome::UpstreamFailed);
    }
    match respond::outcome(&head.headers)? {
        Outcome::Served => Some(Outcome::UpstreamFailed),
        outcome => Some(outcome),
    }
}
