//! gRPC, on the same port and through the same admission. In: a request with its content type. Out: a response with a
//! status in its trailers. Of messages only the first field is compared, so that other models stay out of reach.

pub mod answer;
pub mod call;
pub mod channel;
pub mod descriptors;
pub mod health;
pub mod load;
pub mod message;
pub mod probe;
pub mod reflection;
pub mod respond;
pub mod warmup;

use http::Request;
use wire::{Outcome, grpc::Method};

use crate::proxy::{
    incoming::Incoming,
    respond::{Refusal, Reply},
    route::{Context, counted},
};
use message::Names;

/// Finds who answers.
pub async fn dispatch(cx: &mut Context, request: Request<Incoming>) -> Result<Reply, Refusal> {
    let method = Method::parse(request.uri().path());
    if cx.is_kin && !matches!(method, Some(Method::Check | Method::Watch | Method::Load)) {
        return Err(counted(cx, Outcome::Forbidden.into()));
    }
    match (method, cx.endpoint.channel.clone()) {
        (Some(Method::Infer), Some(channel)) => call::infer(cx, &channel, request).await,
        (Some(Method::Model), Some(channel)) => call::relay(cx, &channel, request, Names::Model).await,
        (Some(Method::Server), Some(channel)) => call::relay(cx, &channel, request, Names::Nothing).await,
        (Some(Method::Check), _) => health::check(cx, request).await,
        (Some(Method::Watch), _) => health::watch(cx, request).await,
        (Some(Method::Load), _) => load::stream(cx, request).await,
        (Some(Method::Reflect), _) => reflection::converse(cx, request),
        (Some(Method::Infer | Method::Model | Method::Server), None) | (None, _) => {
            Err(counted(cx, Refusal::unimplemented()))
        }
    }
}
