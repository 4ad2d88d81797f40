//! `grpc.health.v1.Health`, answered here: a model that is proved and an endpoint that does not leave are serving.

use std::{future::ready, io, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, watch};
use wire::{Outcome, grpc, protobuf};

use super::{message, respond};
use crate::{
    drain::Phase,
    endpoint::Endpoint,
    proxy::{
        answer::ReplyBody,
        incoming::Incoming,
        respond::{LoadForm, Refusal, Reply},
        route::Context,
    },
};

/// `HealthCheckResponse.ServingStatus`, as its whole message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}

impl Status {
    fn of(endpoint: &Endpoint) -> Self {
        let serves = endpoint.ready.is_ready() && endpoint.drain.phase() == Phase::Serving;
        if serves { Self::Serving } else { Self::NotServing }
    }

    fn frame(self) -> Bytes {
        const STATUS_VARINT: u8 = 1 << 3;
        grpc::frame(&[STATUS_VARINT, self as u8]).into()
    }
}

/// Says it once.
pub async fn check(cx: &Context, request: Request<Incoming>) -> Result<Reply, Refusal> {
    if !is_known(&cx.endpoint, request).await? {
        return Err(Outcome::NotFound.into());
    }
    let trailers = respond::trailers(&cx.endpoint, &Outcome::Served.into(), cx.form);
    let message = Full::new(Status::of(&cx.endpoint).frame()).map_err(|never| match never {});
    Ok(respond::head(ReplyBody::grpc(message.with_trailers(ready(Some(Ok(trailers)))))))
}

/// Says it now and whenever it changes, until the endpoint is drained.
pub async fn watch(cx: &Context, request: Request<Incoming>) -> Result<Reply, Refusal> {
    let place = Arc::clone(&cx.endpoint.watches)
        .try_acquire_owned()
        .map_err(|_| Refusal::from(Outcome::QueueFull))?;
    let is_known = is_known(&cx.endpoint, request).await?;
    let watch = Watch {
        ready: cx.endpoint.ready.subscribe(),
        phase: cx.endpoint.drain.subscribe(),
        endpoint: Arc::clone(&cx.endpoint),
        form: cx.form,
        is_known,
        said: None,
        is_over: false,
        _place: place,
    };
    let frames = stream::unfold(watch, |mut watch| async move { Some((watch.next().await?, watch)) });
    Ok(respond::head(ReplyBody::grpc(StreamBody::new(frames.map(Ok::<_, io::Error>)))))
}

struct Watch {
    endpoint: Arc<Endpoint>,
    form: Option<LoadForm>,
    ready: watch::Receiver<bool>,
    phase: watch::Receiver<Phase>,
    is_known: bool,
    said: Option<Status>,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Watch {
    async fn next(&mut self) -> Option<Frame<Bytes>> {
        while !self.is_over {
            let status = if self.is_known { Status::of(&self.endpoint) } else { Status::ServiceUnknown };
            if self.said.replace(status) != Some(status) {
                return Some(Frame::data(status.frame()));
            }
            if self.endpoint.drain.phase() >= Phase::Drained {
                self.is_over = true;
                return Some(Frame::trailers(self.trailers()));
            }
            tokio::select! {
                _ = self.ready.changed() => {}
                _ = self.phase.changed() => {}
            }
        }
        None
    }

    fn trailers(&self) -> HeaderMap {
        respond::trailers(&self.endpoint, &Outcome::Draining.into(), self.form)
    }
}

/// Whether the service asked for is one of those here; the empty name is all of them.
async fn is_known(endpoint: &Endpoint, request: Request<Incoming>) -> Result<bool, Refusal> {
    let asked = message::own(endpoint, request.into_body()).await?;
    Ok(asked.is_empty() || grpc::SERVICES.iter().any(|name| asked == protobuf::text(name)))
}
