//! What an endpoint answered: outcome, times, load, and the output tensors.

use std::time::Duration;

use bytes::Bytes;
use engine::Tensor;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use wire::{LoadReport, Outcome, Problem, header};

use super::connection::Received;
use crate::answer::Times;
use crate::core::endpoint::{Exchange, LoadSeen};

/// An answer or a refusal, read.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) outcome: Outcome,
    pub(crate) exchange: Exchange,
    pub(crate) load: Option<LoadSeen>,
    pub(crate) endpoint: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) times: Times,
    /// Empty unless the outcome is `served`.
    pub(crate) tensors: Vec<Tensor>,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It told its name as an endpoint does.
    Endpoint,
    /// It told nothing: it may be a bare model server.
    Stranger,
}

/// Reads what was received for a body of `bytes` to this model. An error says why it cannot be used.
pub(crate) fn read(received: &Received, model: &str, asked: Asked, bytes: u32) -> Result<Reply, String> {
    let headers = &received.parts.headers;
    let (outcome, is_told) = match told(received) {
        Some(outcome) => (outcome, true),
        None => (untold(received, asked)?, false),
    };
    let tensors = match outcome {
        Outcome::Served => {
            let (named, tensors) = tensors(headers, &received.body)?;
            if !is_told && named.as_deref() != Some(model) {
                return Err(format!("what came back does not name the model {model}"));
            }
            tensors
        }
        _ => Vec::new(),
    };
    let [queue_us, service_us] = [header::QUEUE_US, header::SERVICE_US].map(|name| number(headers, name));
    Ok(Reply {
        outcome,
        exchange: Exchange {
            total_us: micros(received.elapsed),
            queue_us: queue_us.unwrap_or(0),
            service_us: service_us.unwrap_or(0),
            bytes,
        },
        load: load(received),
        endpoint: word(headers, header::ENDPOINT).map(Into::into),
        digest: word(headers, header::MODEL_DIGEST).map(Into::into),
        times: Times {
            queue: queue_us.map(Duration::from_micros),
            service: service_us.map(Duration::from_micros),
        },
        tensors,
    })
}

/// The outcome where no header tells it. A bare model server is believed when it serves; anything else that answers here, a
/// captive portal for instance, is no endpoint.
fn untold(received: &Received, asked: Asked) -> Result<Outcome, String> {
    match (received.parts.status, asked) {
        (status, Asked::Stranger) if status.is_success() && !is_web_page(received) => Ok(Outcome::Served),
        (status, _) => Err(format!("status {status} without an outcome: no endpoint answers there")),
    }
}

/// Whether it is meant for a person's eyes. Captive portals answer whatever is asked with one, and call it a success.
pub(crate) fn is_web_page(received: &Received) -> bool {
    let kind = word(&received.parts.headers, http::header::CONTENT_TYPE.as_str()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("text/html")
}

/// The word of an endpoint on how a request ended.
pub(crate) fn told(received: &Received) -> Option<Outcome> {
    word(&received.parts.headers, header::OUTCOME)?.parse().ok()
}

fn load(received: &Received) -> Option<LoadSeen> {
    let report = word(&received.parts.headers, header::LOAD)
        .and_then(|value| LoadReport::from_json_header(value).ok());
    if let Some(report) = report {
        return Some(LoadSeen::from(&report));
    }
    let problem: Problem = serde_json::from_slice(&received.body).ok()?;
    let wait_us = problem.estimated_wait_milliseconds.min(60_000) as f32 * 1_000.0;
    Some(LoadSeen { wait_us, service_p95_us: 0.0, draining: problem.outcome == Outcome::Draining })
}

#[derive(Deserialize)]
struct Head {
    model_name: Option<String>,
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    datatype: String,
    shape: Vec<usize>,
    #[serde(default)]
    parameters: Parameters,
    #[serde(default)]
    data: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Parameters {
    binary_data_size: Option<usize>,
}

/// The model that the answer names, and its outputs.
fn tensors(headers: &HeaderMap, body: &Bytes) -> Result<(Option<String>, Vec<Tensor>), String> {
    let head_length = match word(headers, header::INFERENCE_HEADER_CONTENT_LENGTH) {
        Some(value) => value.parse().map_err(|_| "its head length is no number".to_owned())?,
        None => body.len(),
    };
    let head = body.get(..head_length).ok_or("its head is longer than its body")?;
    let Head { model_name, outputs } = serde_json::from_slice(head).map_err(|error| error.to_string())?;
    if outputs.is_empty() {
        return Err("it holds no output".into());
    }
    let mut rest = body.slice(head_length..);
    let tensors: Result<_, String> = outputs.into_iter().map(|output| output.tensor(&mut rest)).collect();
    Ok((model_name, tensors?))
}

impl Output {
    fn tensor(self, rest: &mut Bytes) -> Result<Tensor, String> {
        let datatype = self.datatype.parse().map_err(|error| format!("{error}"))?;
        let data = match self.parameters.binary_data_size {
            Some(size) if size <= rest.len() => rest.split_to(size),
            Some(_) => return Err(format!("output {:?} is shorter than it says", self.name)),
            None => {
                let values: Vec<f32> = serde_json::from_value(self.data.unwrap_or_default())
                    .map_err(|_| format!("output {:?} is neither binary nor a list of numbers", self.name))?;
                return Ok(Tensor::from_f32(&self.name, &self.shape, &values));
            }
        };
        Ok(Tensor { name: self.name, datatype, shape: self.shape, data })
    }
}

fn word<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    word(headers, name)?.parse().ok()
}

/// A duration in whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
