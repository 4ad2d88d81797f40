//! Every way a request can fail, and the only place that knows its status code.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use engine::RunError;

/// Why a request got no answer. The text is the `error` of the response.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The request contradicts the protocol.
    #[error("{0}")]
    Malformed(String),
    /// The tensors do not fit the model, or the model failed on them.
    #[error(transparent)]
    Run(#[from] RunError),
    /// No such path.
    #[error("path {0:?} is not served: expected /v2, /v2/health/... or /v2/models/...")]
    NoPath(String),
    /// The path knows other methods.
    #[error("method {0} is not allowed here")]
    NoMethod(String),
    /// No such model.
    #[error("model {0:?} is not served here")]
    NoModel(String),
    /// The model has other versions.
    #[error("model {model:?} has no version {version:?}: it has {versions:?}")]
    NoVersion {
        /// The model.
        model: String,
        /// The version asked for.
        version: String,
        /// The versions there are.
        versions: Vec<u64>,
    },
    /// The model is not in memory yet.
    #[error("{0} is still loading: ask again in a moment")]
    Loading(String),
    /// All threads stayed busy.
    #[error("no inference thread became free in {0} s")]
    Busy(u64),
    /// The body is over the limit.
    #[error("the request body is longer than {0} bytes: raise --max-body-bytes or send less")]
    TooLarge(usize),
    /// The body did not arrive.
    #[error("the request body did not arrive within {0} s")]
    TooSlow(u64),
    /// A fault of this program.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::Run(RunError::Execution { .. }) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Malformed(_) | Self::Run(_) => StatusCode::BAD_REQUEST,
            Self::NoPath(_) | Self::NoModel(_) | Self::NoVersion { .. } => StatusCode::NOT_FOUND,
            Self::NoMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Loading(_) | Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), "{self}");
        }
        let body = serde_json::json!({ "error": self.to_string() }).to_string();
        (status, [(CONTENT_TYPE, "application/json")], body).into_response()
    }
}
