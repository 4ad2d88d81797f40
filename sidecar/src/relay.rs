//! `GET` of metadata and readiness, passed to the model server. In: a request on a listed path. Out: the server's answer.
//! The model's readiness is true only after the model was proved here, which is what the operator asks through it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{Method, Request};
use hyper::body::Incoming;
use tokio::time::timeout_at;
use wire::Outcome;

use crate::{
    forward::{self, Passage},
    headers, infer,
    respond::{Refusal, Reply},
    route::Context,
    upload::Upload,
};

/// Passes one `GET` on.
pub async fn relay(cx: &Context, request: &Request<Incoming>) -> Result<Reply, Refusal> {
    let endpoint = &cx.endpoint;
    infer::check_open(endpoint)?;
    let asked =
        headers::deadline_milliseconds(request.headers()).map_err(|()| Refusal::from(Outcome::Malformed))?;
    let longest = endpoint.config.admission.timeout_max;
    let deadline = Instant::now() + asked.map_or(longest, |asked| Duration::from_millis(asked).min(longest));
    let place =
        Arc::clone(&endpoint.relays).try_acquire_owned().map_err(|_| Refusal::from(Outcome::QueueFull))?;
    let path = request.uri().path();
    let onward = forward::request(endpoint, Method::GET, path, request.headers(), Upload::default());
    let sent = timeout_at(deadline.into(), endpoint.upstream.send(onward));
    let (lease, response) = match sent.await {
        Err(_) => return Err(Outcome::Expired.into()),
        Ok(Err(error)) => {
            infer::failed(endpoint, &error);
            return Err(Outcome::UpstreamFailed.into());
        }
        Ok(Ok(answer)) => answer,
    };
    let status = response.status();
    if status.is_client_error() {
        return Err(Refusal::with_status(Outcome::Rejected, status));
    }
    if !status.is_success() {
        return Err(Outcome::UpstreamFailed.into());
    }
    let (waited, service) = (Duration::ZERO, Duration::ZERO);
    Ok(forward::served(
        cx,
        Passage {
            lease,
            response,
            reusable: true,
            work: None,
            place: Some(place),
            deadline,
            waited,
            service,
        },
        None,
    ))
}
