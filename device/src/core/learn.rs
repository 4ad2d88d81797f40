//! What the end of a request at an endpoint teaches about that endpoint.

use wire::Outcome;

use super::endpoint::{EndpointId, Exchange, LoadSeen};
use super::model::Model;

/// Shortest and longest rest of an endpoint that asked for one, in microseconds.
const REST_US: (u64, u64) = (500_000, 10_000_000);

/// An endpoint answered or refused.
pub(super) fn from_answer(
    model: &mut Model,
    now_us: u64,
    random: u32,
    id: EndpointId,
    outcome: Outcome,
    exchange: Exchange,
    load: Option<LoadSeen>,
) {
    let Some(endpoint) = model.endpoint_mut(id) else { return };
    let expected_us = endpoint.wait_us;
    if let Some(load) = load {
        endpoint.told(now_us, load);
    }
    match outcome {
        Outcome::Served => {
            let begins_to_fade = endpoint.measured(now_us, exchange);
            endpoint.breaker.succeeded();
            model.look.won(now_us);
            if begins_to_fade {
                model.fades(now_us, id);
            }
        }
        Outcome::QueueFull => {
            endpoint.was_full(expected_us);
            endpoint.breaker.succeeded();
        }
        // It serves, only not this request.
        Outcome::Rejected | Outcome::TooLate | Outcome::Expired | Outcome::PayloadTooLarge => {
            endpoint.breaker.succeeded();
        }
        Outcome::QuotaExceeded => {
            let wait_us = load.map_or(0, |load| load.wait_us as u64).clamp(REST_US.0, REST_US.1);
            // Up to a quarter more, so that refused devices do not return in step.
            let jitter_us = wait_us / 4 * u64::from(random >> 16) / 0x1_0000;
            endpoint.breaker.rest(now_us + wait_us + jitter_us);
        }
        Outcome::Draining => endpoint.breaker.open(now_us, random),
        Outcome::ModelNotReady
        | Outcome::Malformed
        | Outcome::Unauthenticated
        | Outcome::Forbidden
        | Outcome::NotFound
        | Outcome::UpstreamFailed
        | Outcome::ClientLeft => endpoint.breaker.failed(now_us, random),
    }
    if endpoint_is_out(model, id) {
        model.guide.hurry(now_us);
    }
    model.learned(now_us);
}

/// An endpoint had not answered a request of `bytes` after this time, in microseconds.
pub(super) fn from_silence(model: &mut Model, now_us: u64, id: EndpointId, bytes: u32, waited_us: u64) {
    model.look.lost(now_us);
    model.guide.hurry(now_us);
    if let Some(endpoint) = model.endpoint_mut(id) {
        endpoint.outlasted(now_us, bytes, waited_us);
        model.learned(now_us);
    }
}

/// The connection to an endpoint failed, or it was silent.
pub(super) fn from_failure(model: &mut Model, now_us: u64, random: u32, id: EndpointId) {
    if let Some(endpoint) = model.endpoint_mut(id) {
        endpoint.breaker.failed(now_us, random);
    }
    model.guide.hurry(now_us);
}

fn endpoint_is_out(model: &Model, id: EndpointId) -> bool {
    model.endpoint(id).is_some_and(|endpoint| !endpoint.breaker.is_closed())
}
