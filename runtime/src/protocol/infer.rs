//! One inference: read the body, wait for a thread, compute, answer.
//!
//! A thread is taken only when the whole body is here, so that a slow sender never holds one.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::time::timeout;

use super::{HEADER_LENGTH, request, response};
use crate::app::{App, Found};
use crate::failure::Failure;
use crate::routes::ModelPath;

/// From the request's head to the end of its body. The sidecar holds devices to their own pace before this.
const BODY_MAX: Duration = Duration::from_secs(120);

/// Longest wait for a free thread; clients with deadlines have left long before.
const THREAD_WAIT_MAX: Duration = Duration::from_secs(60);

/// `POST .../infer`.
pub async fn infer(
    State(app): State<Arc<App>>,
    path: ModelPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let found = app.find(&path.model, path.version.as_deref())?;
    let json_length = json_length(&headers)?;
    refuse_coding(&headers)?;
    let body = read(body, app.body_bytes_max).await?;
    let thread = timeout(THREAD_WAIT_MAX, app.threads.clone().acquire_owned())
        .await
        .map_err(|_| Failure::Busy(THREAD_WAIT_MAX.as_secs()))?
        .map_err(|_| Failure::Internal("the inference threads are gone"))?;
    let answer = tokio::task::spawn_blocking(move || {
        // Held to the end of the work, even when the client has left.
        let _thread = thread;
        compute(&found, &body, json_length)
    });
    answer.await.map_err(|_| Failure::Internal("an inference thread stopped"))?
}

fn compute(found: &Found, body: &Bytes, json_length: Option<usize>) -> Result<Response, Failure> {
    let request = request::decode(body, json_length, found.model.outputs())?;
    let outputs = found.model.run(&request.tensors)?;
    response::encode(found, &request, &outputs)
}

fn json_length(headers: &HeaderMap) -> Result<Option<usize>, Failure> {
    let Some(value) = headers.get(HEADER_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length.map(Some).ok_or_else(|| {
        Failure::Malformed(format!("header {HEADER_LENGTH} is {value:?}: expected a number of bytes"))
    })
}

fn refuse_coding(headers: &HeaderMap) -> Result<(), Failure> {
    match headers.get(CONTENT_ENCODING) {
        Some(coding) if coding != "identity" => Err(Failure::Malformed(format!(
            "content-encoding {coding:?} is not supported: send the body uncompressed"
        ))),
        _ => Ok(()),
    }
}

async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Failure> {
    // A length that is announced is refused before a byte is read.
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > bytes_max) {
        return Err(Failure::TooLarge(bytes_max));
    }
    let collected = timeout(BODY_MAX, Limited::new(body, bytes_max).collect())
        .await
        .map_err(|_| Failure::TooSlow(BODY_MAX.as_secs()))?;
    collected.map(|body| body.to_bytes()).map_err(|error| {
        if error.is::<LengthLimitError>() {
            Failure::TooLarge(bytes_max)
        } else {
            Failure::Malformed("the request body was cut off".to_owned())
        }
    })
}
