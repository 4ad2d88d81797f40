//! The paths of the Open Inference Protocol v2, and what each does.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::failure::Failure;
use crate::protocol::{self, infer};

/// Everything that is served; any other path or method is a JSON error.
pub fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/v2", get(server))
        .route("/v2/health/live", get(live))
        .route("/v2/health/ready", get(ready))
        .route("/v2/models/{model}", get(model_metadata))
        .route("/v2/models/{model}/versions/{version}", get(model_metadata))
        .route("/v2/models/{model}/ready", get(model_ready))
        .route("/v2/models/{model}/versions/{version}/ready", get(model_ready))
        .route("/v2/models/{model}/infer", post(infer::infer))
        .route("/v2/models/{model}/versions/{version}/infer", post(infer::infer))
        .fallback(async |uri: Uri| Failure::NoPath(uri.path().to_owned()))
        .method_not_allowed_fallback(async |method: Method| Failure::NoMethod(method.to_string()))
        .with_state(app)
}

/// Which model a path names.
#[derive(Deserialize)]
pub struct ModelPath {
    /// The model.
    pub model: String,
    /// The version, where the path has one.
    pub version: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for ModelPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<Self>::from_request_parts(parts, state).await;
        path.map(|Path(path)| path).map_err(|_| Failure::NoPath(parts.uri.path().to_owned()))
    }
}

async fn server() -> Response {
    ok_json(&json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": ["binary_tensor_data"],
    }))
}

async fn live() -> StatusCode {
    StatusCode::OK
}

async fn ready(State(app): State<Arc<App>>) -> Result<StatusCode, Failure> {
    app.ready().map(|()| StatusCode::OK)
}

async fn model_ready(State(app): State<Arc<App>>, path: ModelPath) -> Result<StatusCode, Failure> {
    app.find(&path.model, path.version.as_deref()).map(|_| StatusCode::OK)
}

async fn model_metadata(State(app): State<Arc<App>>, path: ModelPath) -> Result<Response, Failure> {
    let found = app.find(&path.model, path.version.as_deref())?;
    Ok(ok_json(&protocol::metadata(&found)))
}

fn ok_json(body: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
