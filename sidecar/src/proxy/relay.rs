//! Metadata and readiness, passed to the model server. In: a request on a listed path. Out: the server's answer.
//! The model's readiness is true only after the model was proved here, which is what the operator asks through it.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::{Duration, Instant},
};

use http::{Method, Request};
use tokio::{sync::OwnedSemaphorePermit, time::timeout_at};
use wire::{Outcome, path};

use crate::{
    endpoint::Endpoint,
    proxy::{
        forward::{self, Passage},
        incoming::Incoming,
        infer,
        respond::{self, Refusal, Reply},
        route::Context,
        upload::Upload,
        upstream::{self, Upstream},
    },
};

/// A relay that may begin: its place and when it must end.
pub struct Begun {
    pub place: OwnedSemaphorePermit,
    pub deadline: Instant,
}

/// Takes a place.
pub fn begin(endpoint: &Endpoint, request: &Request<Incoming>) -> Result<Begun, Refusal> {
    infer::check_open(endpoint)?;
    let longest = endpoint.config.admission.timeout_max;
    let deadline = Instant::now() + infer::time_allowed(endpoint, request, longest)?;
    let place =
        Arc::clone(&endpoint.relays).try_acquire_owned().map_err(|_| Refusal::from(Outcome::QueueFull))?;
    Ok(Begun { place, deadline })
}

/// Waits for the server, and says what it means when nothing comes.
pub async fn answered<T>(
    endpoint: &Endpoint,
    deadline: Instant,
    sending: Pin<&mut impl Future<Output = Result<T, upstream::Error>>>,
) -> Result<T, Refusal> {
    match timeout_at(deadline.into(), sending).await {
        Ok(Ok(answer)) => Ok(answer),
        Err(_) => Err(Outcome::Expired.into()),
        Ok(Err(error)) => {
            infer::failed(endpoint, &error);
            Err(Outcome::UpstreamFailed.into())
        }
    }
}

/// Passes one `GET` on.
pub async fn relay(
    cx: &Context,
    upstream: &Arc<Upstream>,
    request: &Request<Incoming>,
) -> Result<Reply, Refusal> {
    let endpoint = &cx.endpoint;
    let Begun { place, deadline } = begin(endpoint, request)?;
    let path = request.uri().path();
    let onward = forward::request(upstream, Method::GET, path, request.headers().clone(), Upload::default());
    let response = answered(endpoint, deadline, pin!(upstream.send(onward))).await?;
    let status = response.status();
    if status.is_client_error() {
        return Err(Refusal::with_status(Outcome::Rejected, status));
    }
    if !status.is_success() {
        return Err(Outcome::UpstreamFailed.into());
    }
    let (waited, service) = (Duration::ZERO, Duration::ZERO);
    let passage = Passage { response, work: None, place: Some(place), deadline, waited, service };
    Ok(forward::served(cx, passage, None))
}

/// Readiness over HTTP where the model server speaks only gRPC: the operator and every probe ask that way.
pub fn readiness(cx: &Context, path: &str) -> Result<Reply, Refusal> {
    let of_model = path::model_ready(&cx.endpoint.config.model.name);
    if ![path::SERVER_LIVE, path::SERVER_READY, &of_model].contains(&path) {
        return Err(Outcome::NotFound.into());
    }
    infer::check_open(&cx.endpoint)?;
    Ok(respond::empty(&cx.endpoint, cx.form))
}
