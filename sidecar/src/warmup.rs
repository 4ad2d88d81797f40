//! One inference before the first request, so that "ready" means that the model computes. In: the model's metadata. Out:
//! whether it answered; `true` as well where the metadata cannot say what an input looks like.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use tokio::time::timeout;

use crate::{
    endpoint::Endpoint,
    grpc,
    proxy::{
        forward,
        upload::Upload,
        upstream::{Upstream, body::ServerBody},
    },
    ready::model_path,
};

/// A first inference loads code and allocates; more than this is a hang.
const WARMUP_MAX: Duration = Duration::from_secs(60);
/// After a failed one, so that a broken model does not fill the log.
const PAUSE: Duration = Duration::from_secs(2);
/// Most numbers in a warm-up.
pub const ELEMENTS_MAX: u64 = 4 << 20;
const METADATA_BYTES_MAX: usize = 256 << 10;

#[derive(Deserialize)]
struct Metadata {
    inputs: Vec<Input>,
}

/// What one input takes.
#[derive(Deserialize)]
pub struct Input {
    pub name: String,
    pub datatype: String,
    pub shape: Vec<i64>,
}

/// Whether the model answers an inference.
pub async fn prove(endpoint: &Arc<Endpoint>) -> bool {
    match timeout(WARMUP_MAX, attempt(endpoint)).await {
        Ok(Ok(())) => true,
        Ok(Err(Failure::CannotTell(reason))) => {
            tracing::info!(reason, "no warm-up");
            true
        }
        Ok(Err(Failure::Failed(reason))) => {
            tracing::warn!(reason, "warm-up failed");
            tokio::time::sleep(PAUSE).await;
            false
        }
        Err(_) => {
            tracing::warn!(after = ?WARMUP_MAX, "warm-up did not end");
            false
        }
    }
}

/// Why nothing was proved.
pub enum Failure {
    CannotTell(String),
    Failed(String),
}

async fn attempt(endpoint: &Endpoint) -> Result<(), Failure> {
    match (&endpoint.upstream, &endpoint.channel) {
        (Some(upstream), _) => over_http(endpoint, upstream).await,
        (None, Some(channel)) => grpc::warmup::attempt(endpoint, channel).await,
        (None, None) => Ok(()),
    }
}

async fn over_http(endpoint: &Endpoint, upstream: &Arc<Upstream>) -> Result<(), Failure> {
    let path = model_path(endpoint);
    let (status, text) = exchange(upstream, forward::probe(upstream, &path)).await?;
    if !forward::is_yes(status) {
        return Err(Failure::CannotTell(format!("GET {path}: {status}")));
    }
    let metadata: Metadata =
        serde_json::from_slice(&text).map_err(|error| Failure::CannotTell(format!("metadata: {error}")))?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = Upload::of(zeros(&metadata.inputs).map_err(Failure::CannotTell)?);
    let request = forward::request(upstream, Method::POST, &format!("{path}/infer"), headers, body);
    let (status, text) = exchange(upstream, request).await?;
    if status.is_success() {
        return Ok(());
    }
    let text: String =
        String::from_utf8_lossy(&text).chars().filter(|char| !char.is_control()).take(200).collect();
    Err(Failure::Failed(format!("inference of zeros: {status}: {text}")))
}

async fn exchange(
    upstream: &Arc<Upstream>,
    request: http::Request<Upload>,
) -> Result<(StatusCode, Bytes), Failure> {
    let failed = |reason: String| Failure::Failed(reason);
    let response = upstream.send(request).await.map_err(|error| failed(error.to_string()))?;
    let status = response.status();
    let text = read(response.into_body()).await.map_err(|error| failed(error.to_string()))?;
    Ok((status, text))
}

async fn read(body: ServerBody) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Limited::new(body, METADATA_BYTES_MAX).collect().await?.to_bytes())
}

/// A request of zeros as JSON, in pieces that all point at the same few kilobytes.
fn zeros(inputs: &[Input]) -> Result<Vec<Bytes>, String> {
    let mut parts = vec![Bytes::from_static(b"{\"inputs\":[")];
    let mut left = ELEMENTS_MAX;
    for (index, input) in inputs.iter().enumerate() {
        let elements = elements(input)?;
        left =
            left.checked_sub(elements).ok_or_else(|| format!("inputs have over {ELEMENTS_MAX} elements"))?;
        let head = serde_json::json!({"name": input.name, "datatype": input.datatype, "shape": input.shape});
        let head = head.to_string();
        let comma = if index == 0 { "" } else { "," };
        parts.push(format!("{comma}{},\"data\":[", head.trim_end_matches('}')).into());
        let commas = elements.saturating_sub(1);
        parts.extend((0..commas / ZEROS).map(|_| Bytes::from_static(&PATTERN)));
        let rest = usize::try_from(commas % ZEROS * 2).unwrap_or_default();
        parts.push(Bytes::from_static(PATTERN.get(..rest).unwrap_or_default()));
        parts.push(Bytes::from_static(if elements == 0 { b"]}" } else { b"0]}" }));
    }
    parts.push(Bytes::from_static(b"]}"));
    Ok(parts)
}

const ZEROS: u64 = 4096;
static PATTERN: [u8; 8192] = {
    let mut pattern = [b'0'; 8192];
    let mut at = 1;
    while at < pattern.len() {
        pattern[at] = b',';
        at += 2;
    }
    pattern
};

/// How many numbers an input takes, where its metadata say so.
pub fn elements(input: &Input) -> Result<u64, String> {
    let name = &input.name;
    let is_number = ["FP32", "FP64", "INT", "UINT"].iter().any(|prefix| input.datatype.starts_with(prefix));
    if !is_number {
        return Err(format!("input {name} is of type {}", input.datatype));
    }
    input.shape.iter().try_fold(1u64, |product, size| {
        let size = u64::try_from(*size).map_err(|_| format!("input {name} has a size that varies"))?;
        product.checked_mul(size).ok_or_else(|| format!("input {name} is too large"))
    })
}
