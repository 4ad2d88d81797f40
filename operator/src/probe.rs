//! Handshakes with endpoints: `GET /v2/models/{m}/ready` at the address that devices dial.
//!
//! An answer counts only if its `longshore-endpoint` names the node that was meant: from inside a cluster a node port may
//! lead elsewhere. An endpoint that asks for credentials was reached when it says so: the operator has none. What answered
//! within the last second is not asked again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use http_body_util::Empty;
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use plan::{Probe, ProbeResult};
use wire::Outcome;

use crate::{certificate, metrics::Metrics};

/// Longest time until a node accepts the connection; one without a pod drops packets.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// Longest time of a whole handshake.
const WHOLE_MAX: Duration = Duration::from_secs(2);
/// Tries until the node that was meant answers. On a node of its own the operator is a pod among others, and kube-proxy
/// leads a pod that dials its own node to any endpoint, by lot for each connection.
const TRIES_MAX: usize = 64;
/// Handshakes at once, for one offload.
const AT_ONCE_MAX: usize = 16;
/// How long a good answer counts. A burst of changes needs one handshake.
const FRESH: Duration = Duration::from_secs(1);

/// An address to dial and the node that should answer there.
pub struct Target {
    /// Name of the node.
    pub node: String,
    /// The address, without a path.
    pub url: String,
}

/// Dials endpoints.
pub struct Prober {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    reached: Mutex<HashMap<(String, String), Instant>>,
}

impl Default for Prober {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_MAX));
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(certificate::client())
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        // A kept connection would stay with one pod and say nothing about new ones.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Self { client, reached: Mutex::default() }
    }
}

impl Prober {
    /// One handshake with each target, in their order.
    pub async fn probe(
        &self,
        metrics: &Metrics,
        model: &str,
        targets: impl Iterator<Item = Target>,
    ) -> Vec<Probe> {
        let handshakes = targets.map(|Target { node, url }| async move {
            let result = self.recent_or_new(metrics, model, &node, &url).await;
            Probe { node, url, result }
        });
        // Collected first: the stream must not borrow from the iterator.
        let handshakes: Vec<_> = handshakes.collect();
        stream::iter(handshakes).buffered(AT_ONCE_MAX).collect().await
    }

    async fn recent_or_new(&self, metrics: &Metrics, model: &str, node: &str, url: &str) -> ProbeResult {
        let target = format!("{url}{}", wire::path::model_ready(model));
        let key = (node.to_owned(), target);
        if self.fresh().contains_key(&key) {
            return ProbeResult::Reached;
        }
        let result = match tokio::time::timeout(WHOLE_MAX, self.handshake(node, &key.1)).await {
            Ok(result) => result,
            Err(_) => ProbeResult::Unreachable(format!("no answer within {} s", WHOLE_MAX.as_secs())),
        };
        let reached = result == ProbeResult::Reached;
        metrics.handshake(reached);
        if reached {
            self.fresh().insert(key, Instant::now());
        }
        result
    }

    /// What was reached a moment ago; what is older is forgotten here.
    fn fresh(&self) -> MutexGuard<'_, HashMap<(String, String), Instant>> {
        let mut reached = self.reached.lock().expect("nothing panics while it holds the handshakes");
        reached.retain(|_, at| at.elapsed() < FRESH);
        reached
    }

    async fn handshake(&self, node: &str, target: &str) -> ProbeResult {
        let mut result = self.ask(node, target).await;
        for _ in 1..TRIES_MAX {
            match result {
                ProbeResult::WrongEndpoint(_) => result = self.ask(node, target).await,
                _ => break,
            }
        }
        result
    }

    async fn ask(&self, node: &str, target: &str) -> ProbeResult {
        let request = match Request::get(target).body(Empty::new()) {
            Ok(request) => request,
            Err(error) => return ProbeResult::Unreachable(format!("{target} is no address: {error}")),
        };
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(error) => return ProbeResult::Unreachable(crate::error::chain(&error)),
        };
        let named = answer.headers().get(wire::header::ENDPOINT).and_then(|name| name.to_str().ok());
        match named {
            Some(named) if named == node => match answer.status() {
                StatusCode::OK => ProbeResult::Reached,
                _ if asks_for_credentials(&answer) => ProbeResult::Reached,
                status => ProbeResult::NotReady(status.as_u16()),
            },
            other => ProbeResult::WrongEndpoint(other.unwrap_or_default().to_owned()),
        }
    }
}

/// Whether its model is ready is then the kubelet's word alone.
fn asks_for_credentials(answer: &Response<Incoming>) -> bool {
    let outcome = answer.headers().get(wire::header::OUTCOME);
    outcome.is_some_and(|word| word == Outcome::Unauthenticated.word())
}
