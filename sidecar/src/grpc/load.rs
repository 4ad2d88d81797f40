//! `xds.service.orca.v3.OpenRcaService`: the load report beside the requests. In: how often it is wanted. Out: the report,
//! at once and then again and again, until the client leaves or this endpoint does.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::Request;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep_until},
};
use wire::{Outcome, grpc, protobuf};

use super::{message, respond};
use crate::{
    drain::Phase,
    endpoint::Endpoint,
    load,
    proxy::{
        answer::ReplyBody,
        incoming::Incoming,
        respond::{LoadForm, Refusal, Reply},
        route::Context,
    },
};

/// Begins a stream. Names of request costs in the request change nothing: there are none here.
pub async fn stream(cx: &Context, request: Request<Incoming>) -> Result<Reply, Refusal> {
    let endpoint = &cx.endpoint;
    if endpoint.drain.phase() >= Phase::Refusing {
        return Err(Outcome::Draining.into());
    }
    let places = if cx.is_kin { &endpoint.peer_streams } else { &endpoint.load_streams };
    let place = Arc::clone(places).try_acquire_owned().map_err(|_| Refusal::from(Outcome::QueueFull))?;
    let asked = interval(&message::own(endpoint, request.into_body()).await?);
    let limits = &endpoint.config.limits;
    let reports = Reports {
        phase: endpoint.drain.subscribe(),
        ready: endpoint.ready.subscribe(),
        endpoint: Arc::clone(endpoint),
        form: cx.form,
        every: asked.clamp(limits.load_interval_min, limits.load_interval_max),
        due: Instant::now(),
        is_over: false,
        _place: place,
    };
    let frames = stream::unfold(reports, |mut reports| async move { Some((reports.next().await?, reports)) });
    Ok(respond::head(ReplyBody::grpc(StreamBody::new(frames.map(Ok::<_, io::Error>)))))
}

struct Reports {
    endpoint: Arc<Endpoint>,
    form: Option<LoadForm>,
    phase: watch::Receiver<Phase>,
    ready: watch::Receiver<bool>,
    every: Duration,
    due: Instant,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Reports {
    async fn next(&mut self) -> Option<Frame<Bytes>> {
        if self.is_over {
            return None;
        }
        // That it leaves, or that its model answers or no longer does, is news that does not wait.
        tokio::select! {
            () = sleep_until(self.due) => {}
            _ = self.phase.changed() => {}
            _ = self.ready.changed() => {}
        }
        if *self.phase.borrow_and_update() >= Phase::Refusing {
            self.is_over = true;
            let end = respond::trailers(&self.endpoint, &Outcome::Draining.into(), self.form);
            return Some(Frame::trailers(end));
        }
        // Counted from this report: a reader that was slow gets no others at once.
        let now = Instant::now();
        self.due = now + self.every;
        let report = load::report(&self.endpoint, now.into_std());
        Some(Frame::data(grpc::frame(&report.to_protobuf()).into()))
    }
}

/// `report_interval`, a `google.protobuf.Duration`; where there is none, none.
fn interval(message: &[u8]) -> Duration {
    const REPORT_INTERVAL: u64 = 1;
    let duration = protobuf::byte_fields(message).find(|(field, _)| *field == REPORT_INTERVAL);
    let duration = duration.map(|(_, bytes)| bytes).unwrap_or_default();
    let number = |wanted| {
        let found = protobuf::number_fields(duration).find(|(field, _)| *field == wanted);
        // Less than nothing is nothing.
        found.map_or(0, |(_, number)| number.cast_signed().max(0).cast_unsigned())
    };
    Duration::from_secs(number(1)).saturating_add(Duration::from_nanos(number(2)))
}
