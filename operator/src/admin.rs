//! `/livez`, `/readyz` and `/metrics`.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::{net::TcpListener, sync::watch};

use crate::context::Context;

#[derive(Clone)]
struct Admin {
    ctx: Arc<Context>,
    ready: watch::Receiver<bool>,
}

/// Takes the address, so that a taken one is known before anything else begins.
///
/// # Errors
/// The address cannot be taken.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until the process ends.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    ctx: Arc<Context>,
    ready: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route(wire::path::LIVEZ, get(|| async { "ok\n" }))
        .route(wire::path::READYZ, get(readyz))
        .route(wire::path::METRICS, get(metrics))
        .with_state(Admin { ctx, ready });
    axum::serve(listener, routes).await
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if *admin.ready.borrow() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the caches are not filled yet\n")
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    let offloads = admin.ctx.stores.offloads.state();
    let is_ready = |offload: &Arc<crds::InferenceOffload>| {
        let conditions = offload.status.iter().flat_map(|status| &status.conditions);
        conditions.filter(|condition| condition.type_ == "Ready").any(|condition| condition.status == "True")
    };
    let ready = offloads.iter().filter(|offload| is_ready(offload)).count();
    let text = admin.ctx.metrics.text(ready, offloads.len() - ready);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text)
}
