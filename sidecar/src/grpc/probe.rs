//! Readiness asked over gRPC. In: the channel. Out: whether the server and the model say that they are ready.

use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;
use wire::{grpc, protobuf};

use super::{channel::Channel, respond};
use crate::{
    endpoint::Endpoint,
    proxy::upload::Upload,
    ready::{PROBE_MAX, Probe},
};

/// `ready: true` in both answers.
const READY: [u8; 2] = [1 << 3, 1];

/// Asks the server, then for the model.
pub async fn probe(endpoint: &Endpoint, channel: &Channel) -> Probe {
    for (path, message) in [(grpc::SERVER_READY, Vec::new()), (grpc::MODEL_READY, model_fields(endpoint))] {
        match timeout(PROBE_MAX, ask(channel, path, &message)).await {
            Err(_) => return Probe::Silent,
            Ok(Ok(answer)) if answer == grpc::frame(&READY) => {}
            Ok(Ok(_)) => return Probe::No(format!("{path}: not ready")),
            Ok(Err(reason)) => return Probe::No(format!("{path}: {reason}")),
        }
    }
    Probe::Yes
}

/// The model's name, with the version where the configuration names one.
pub fn model_fields(endpoint: &Endpoint) -> Vec<u8> {
    let model = &endpoint.config.model;
    let mut fields = protobuf::text(&model.name);
    if let Some(version) = &model.version {
        protobuf::bytes(&mut fields, 2, version.as_bytes());
    }
    fields
}

/// A call of our own; its answer is one frame.
pub async fn ask(channel: &Channel, path: &str, message: &[u8]) -> Result<Vec<u8>, String> {
    const ANSWER_BYTES_MAX: usize = 256 << 10;
    let mut headers = HeaderMap::new();
    if let Ok(time) = HeaderValue::from_str(&grpc::timeout_text(PROBE_MAX)) {
        headers.insert(grpc::TIMEOUT, time);
    }
    let request = channel.request(path, headers, Upload::of([grpc::frame(message).into()]));
    let response = channel.send(request).await.map_err(|error| error.to_string())?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| error.to_string())?;
    let trailers = body.trailers().cloned().unwrap_or(parts.headers);
    match respond::outcome(&trailers) {
        Some(wire::Outcome::Served) => Ok(body.to_bytes().into()),
        _ => Err(format!("status {:?} of HTTP {}", trailers.get(grpc::STATUS), parts.status)),
    }
}
