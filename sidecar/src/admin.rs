//! The admin address: probes, metrics, the end of a drain, and who this is. In: `GET` from the kubelet, from Prometheus and
//! from the operator, which has no credentials to show to the offload endpoint. Out: yes, no, numbers and names. No command is
//! taken here: anyone on the node can reach it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use wire::path;

use crate::{
    drain::{self, Phase},
    endpoint::Endpoint,
    metrics,
    proxy::own,
};

const CONNECTIONS_MAX: usize = 32;
const HEAD_MAX: Duration = Duration::from_secs(10);

type Page = Response<Full<bytes::Bytes>>;

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, endpoint: Arc<Endpoint>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place =
            Semaphore::acquire_owned(Arc::clone(&places)).await.expect("the semaphore is never closed");
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let endpoint = Arc::clone(&endpoint);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&endpoint)));
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_MAX)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(place);
        });
    }
}

async fn answer(request: Request<Incoming>, endpoint: Arc<Endpoint>) -> Result<Page, Infallible> {
    if request.method() != Method::GET {
        return Ok(page(StatusCode::METHOD_NOT_ALLOWED, "GET only\n"));
    }
    let phase = endpoint.drain.phase();
    Ok(match request.uri().path() {
        path::LIVEZ => page(StatusCode::OK, "ok\n"),
        path::READYZ if phase > Phase::Serving => page(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        path::READYZ if !endpoint.ready.is_ready() => {
            page(StatusCode::SERVICE_UNAVAILABLE, "model not ready\n")
        }
        path::READYZ => page(StatusCode::OK, "ok\n"),
        path::SERVINGZ if phase >= Phase::Drained => page(StatusCode::SERVICE_UNAVAILABLE, "drained\n"),
        // Once ready it stays true when the model server falls: an explicit refusal helps a device, dropped packets do
        // not, and taking the pod out of its Service drops them.
        path::SERVINGZ if !endpoint.ready.has_been_ready() => {
            page(StatusCode::SERVICE_UNAVAILABLE, "model not ready\n")
        }
        path::SERVINGZ => page(StatusCode::OK, "ok\n"),
        path::DRAINED => drained(&endpoint).await,
        path::METRICS => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            typed(kind, metrics::page(&endpoint))
        }
        path::ENDPOINT => typed("application/json", own::identity(&endpoint)),
        _ => page(StatusCode::NOT_FOUND, "no such page\n"),
    })
}

/// Held open until the drain is over. It may be asked a moment before the drain begins: the hooks of all containers run at
/// once.
async fn drained(endpoint: &Endpoint) -> Page {
    match timeout(drain::bound(endpoint), endpoint.drain.reached(Phase::Drained)).await {
        Ok(()) => page(StatusCode::OK, "drained\n"),
        Err(_) => page(StatusCode::SERVICE_UNAVAILABLE, "not drained\n"),
    }
}

fn typed(kind: &'static str, text: String) -> Page {
    let mut page = page(StatusCode::OK, text);
    page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    page
}

fn page(status: StatusCode, text: impl Into<bytes::Bytes>) -> Page {
    let mut page = Response::new(Full::new(text.into()));
    *page.status_mut() = status;
    page
}
