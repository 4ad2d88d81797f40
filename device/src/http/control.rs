//! What endpoints tell about themselves: identity, policy, load, the model's description. Small questions with a short
//! limit each.

use std::time::Duration;

use bytes::Bytes;
use engine::{Datatype, TensorSpec};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::time::timeout;
use wire::routes::{RouteQuestion, Routes};
use wire::{EndpointInfo, LoadReport, PolicyBundle, path};

use super::connection::{Connections, ExchangeError, Received};
use super::reply;
use crate::Metadata;

/// Longest wait for a connection and for an answer each.
pub(crate) const CONTROL_MAX: Duration = Duration::from_millis(500);

/// A refusal that does not say when to come again means this, in seconds.
const RETRY_SECONDS: u64 = 10;

/// Who answers here.
pub(crate) async fn identity(connections: &Connections) -> Result<EndpointInfo, ExchangeError> {
    let received = get(connections, path::ENDPOINT).await?;
    read(connections, &received)
}

/// How loaded it is, with the time that the question took.
pub(crate) async fn load(connections: &Connections) -> Result<(LoadReport, Duration), ExchangeError> {
    let received = get(connections, path::LOAD).await?;
    // All fields of a report may be absent, so that any object would be one of an idle endpoint.
    let _: Figures = read(connections, &received)?;
    Ok((read(connections, &received)?, received.elapsed))
}

/// What every endpoint's own report has.
#[derive(Deserialize)]
struct Figures {
    #[serde(rename = "named_metrics")]
    _named_metrics: IgnoredAny,
}

/// Fails unless the model is ready there; tells the time that the question took.
pub(crate) async fn model_ready(connections: &Connections, model: &str) -> Result<Duration, ExchangeError> {
    Ok(get(connections, &path::model_ready(model)).await?.elapsed)
}

/// A policy bundle and the tag by which to ask whether it is still the one.
pub(crate) struct Tagged {
    pub(crate) bundle: PolicyBundle,
    pub(crate) tag: Option<HeaderValue>,
}

/// What an endpoint says when it is asked for the policy.
pub(crate) enum Offer {
    Bundle(Box<Tagged>),
    /// It is still the one with the tag in the question.
    Same,
    /// There is no policy there: a bare model server, or a sidecar that was given none.
    Nothing,
}

/// The policy bundle, unless it is still the one with this tag.
pub(crate) async fn policy(
    connections: &Connections,
    model: &str,
    tag: Option<HeaderValue>,
) -> Result<Offer, ExchangeError> {
    let received = ask(connections, path::POLICY, tag).await?;
    match received.parts.status {
        StatusCode::NOT_MODIFIED => Ok(Offer::Same),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            if reply::told(&received).is_none() {
                // Anybody says so who knows nothing of endpoints. A model server describes the model.
                metadata(connections, model).await?;
            }
            Ok(Offer::Nothing)
        }
        _ => {
            let received = accept(connections, path::POLICY, received)?;
            let tag = received.parts.headers.get(header::ETAG).cloned();
            Ok(Offer::Bundle(Box::new(Tagged { bundle: read(connections, &received)?, tag })))
        }
    }
}

/// What an endpoint says when it is asked for routes.
pub(crate) enum Guidance {
    Routes(Routes),
    /// No endpoint would answer in time.
    Stay,
    /// It is asked too much: come again after this.
    Later(Duration),
    /// It does not know the question.
    Unknown,
}

/// Which endpoints to use.
pub(crate) async fn routes(
    connections: &Connections,
    question: &RouteQuestion,
) -> Result<Guidance, ExchangeError> {
    let body = serde_json::to_vec(question).expect("text and finite numbers serialise");
    let request = Request::post(path::RESOLVE).header(header::CONTENT_TYPE, "application/json");
    let received = exchange(connections, request, body.into()).await?;
    match received.parts.status {
        StatusCode::NO_CONTENT => Ok(Guidance::Stay),
        StatusCode::TOO_MANY_REQUESTS => Ok(Guidance::Later(retry_after(&received))),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            Ok(Guidance::Unknown)
        }
        _ => {
            let received = accept(connections, path::RESOLVE, received)?;
            Ok(Guidance::Routes(read(connections, &received)?))
        }
    }
}

fn retry_after(received: &Received) -> Duration {
    let told = received.parts.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    Duration::from_secs(told.and_then(|text| text.parse().ok()).unwrap_or(RETRY_SECONDS))
}

/// What the model there takes and gives.
pub(crate) async fn metadata(connections: &Connections, model: &str) -> Result<Metadata, ExchangeError> {
    let received = get(connections, &path::model(model)).await?;
    let answer: ModelMetadata = read(connections, &received)?;
    let specs = |list: Vec<TensorMetadata>| -> Result<Vec<TensorSpec>, String> {
        list.into_iter().map(TensorMetadata::spec).collect()
    };
    let unreadable = |reason| ExchangeError::Unreadable(connections.url().clone(), reason);
    Ok(Metadata {
        inputs: specs(answer.inputs).map_err(unreadable)?,
        outputs: specs(answer.outputs).map_err(unreadable)?,
    })
}

#[derive(Deserialize)]
struct ModelMetadata {
    inputs: Vec<TensorMetadata>,
    outputs: Vec<TensorMetadata>,
}

#[derive(Deserialize)]
struct TensorMetadata {
    name: String,
    datatype: String,
    shape: Vec<i64>,
}

impl TensorMetadata {
    fn spec(self) -> Result<TensorSpec, String> {
        let datatype: Datatype = self.datatype.parse().map_err(|error| format!("{error}"))?;
        Ok(TensorSpec { name: self.name, datatype, shape: self.shape })
    }
}

async fn get(connections: &Connections, path: &str) -> Result<Received, ExchangeError> {
    accept(connections, path, ask(connections, path, None).await?)
}

fn accept(connections: &Connections, path: &str, received: Received) -> Result<Received, ExchangeError> {
    let url = || connections.url().clone();
    match (received.parts.status, reply::told(&received)) {
        (StatusCode::OK, _) if reply::is_web_page(&received) => {
            Err(ExchangeError::Unreadable(url(), format!("GET {path} gave a web page")))
        }
        (StatusCode::OK, _) => Ok(received),
        (_, Some(outcome)) => Err(ExchangeError::Refused(url(), outcome)),
        (status, None) => Err(ExchangeError::Unreadable(url(), format!("{path} gave {status}"))),
    }
}

async fn ask(
    connections: &Connections,
    path: &str,
    tag: Option<HeaderValue>,
) -> Result<Received, ExchangeError> {
    let mut request = Request::get(path);
    if let Some(tag) = tag {
        request = request.header(header::IF_NONE_MATCH, tag);
    }
    exchange(connections, request, Bytes::new()).await
}

async fn exchange(
    connections: &Connections,
    request: http::request::Builder,
    body: Bytes,
) -> Result<Received, ExchangeError> {
    let request = request
        .body(Full::new(body))
        .map_err(|error| ExchangeError::Unreadable(connections.url().clone(), error.to_string()))?;
    timeout(2 * CONTROL_MAX, connections.exchange(request, CONTROL_MAX))
        .await
        .map_err(|_| ExchangeError::Silent(connections.url().clone(), CONTROL_MAX))?
}

fn read<T: DeserializeOwned>(connections: &Connections, received: &Received) -> Result<T, ExchangeError> {
    serde_json::from_slice(&received.body)
        .map_err(|error| ExchangeError::Unreadable(connections.url().clone(), error.to_string()))
}
