//! Handshakes with endpoints: `GET /v2/models/{m}/ready` at the address that devices dial.
//!
//! An answer counts only if its `longshore-endpoint` names the node that was meant: from inside a cluster a node port may
//! lead elsewhere. An endpoint that asks for credentials was reached when it says so: the operator has none. What answered
//! within the last second is not asked again. What the endpoint can do its pod tells at its admin address, to which no
//! device comes and where nobody must show anything.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Empty, Limited};
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
use tokio::time::timeout_at;
use wire::{EndpointInfo, Outcome};

use crate::{certificate, metrics::Metrics};

/// Longest time until a node accepts the connection; one without a pod drops packets.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// Longest time of a whole handshake, with the question what the endpoint can do.
const WHOLE_MAX: Duration = Duration::from_secs(2);
/// Tries until the node that was meant answers. On a node of its own the operator is a pod among others, and kube-proxy
/// leads a pod that dials its own node to any endpoint, by lot for each connection.
const TRIES_MAX: usize = 64;
/// Handshakes at once, for one offload.
const AT_ONCE_MAX: usize = 16;
/// What an endpoint says of itself is no longer, in bytes.
const IDENTITY_BYTES_MAX: usize = 16 << 10;
/// How long a good answer counts. A burst of changes needs one handshake.
const FRESH: Duration = Duration::from_secs(1);

/// An address to dial and the node that should answer there.
pub struct Target {
    /// Name of the node.
    pub node: String,
    /// The address, without a path.
    pub url: String,
    /// Admin addresses of the pods that serve there.
    pub admin: Vec<SocketAddr>,
}

/// Dials endpoints.
pub struct Prober {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    reached: Mutex<HashMap<(String, String), Answered>>,
}

/// A good answer.
struct Answered {
    at: Instant,
    told: Option<EndpointInfo>,
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
        let handshakes = targets.map(|target| self.recent_or_new(metrics, model, target));
        // Collected first: the stream must not borrow from the iterator.
        let handshakes: Vec<_> = handshakes.collect();
        stream::iter(handshakes).buffered(AT_ONCE_MAX).collect().await
    }

    async fn recent_or_new(&self, metrics: &Metrics, model: &str, target: Target) -> Probe {
        let Target { node, url, admin } = target;
        let ready = format!("{url}{}", wire::path::model_ready(model));
        let key = (node.clone(), ready.clone());
        if let Some(told) = self.fresh().get(&key).map(|answered| answered.told.clone()) {
            return Probe { node, url, result: ProbeResult::Reached, told };
        }
        let until = tokio::time::Instant::now() + WHOLE_MAX;
        let result = match timeout_at(until, self.handshake(&node, &ready)).await {
            Ok(result) => result,
            Err(_) => ProbeResult::Unreachable(format!("no answer within {} s", WHOLE_MAX.as_secs())),
        };
        let reached = result == ProbeResult::Reached;
        metrics.handshake(reached);
        let mut told = None;
        if reached {
            told = timeout_at(until, self.identity(&node, &admin)).await.ok().flatten();
            self.fresh().insert(key, Answered { at: Instant::now(), told: told.clone() });
        }
        Probe { node, url, result, told }
    }

    /// What was reached a moment ago; what is older is forgotten here.
    fn fresh(&self) -> MutexGuard<'_, HashMap<(String, String), Answered>> {
        let mut reached = self.reached.lock().expect("nothing panics while it holds the handshakes");
        reached.retain(|_, answered| answered.at.elapsed() < FRESH);
        reached
    }

    async fn handshake(&self, node: &str, target: &str) -> ProbeResult {
        let mut answer = self.ask(node, target).await;
        for _ in 1..TRIES_MAX {
            match answer {
                Err(ProbeResult::WrongEndpoint(_)) => answer = self.ask(node, target).await,
                _ => break,
            }
        }
        match answer {
            Ok(answer) if answer.status() == StatusCode::OK => ProbeResult::Reached,
            Ok(answer) if asks_for_credentials(&answer) => ProbeResult::Reached,
            Ok(answer) => ProbeResult::NotReady(answer.status().as_u16()),
            Err(result) => result,
        }
    }

    /// What the endpoint of a node says of itself, by the first of its pods that measured something.
    async fn identity(&self, node: &str, pods: &[SocketAddr]) -> Option<EndpointInfo> {
        for pod in pods {
            // The address may be another pod's by now.
            let told = self.identity_of(*pod).await.filter(|told| told.endpoint_id == node);
            if told.as_ref().is_some_and(|told| told.service_times.is_some()) {
                return told;
            }
        }
        None
    }

    async fn identity_of(&self, pod: SocketAddr) -> Option<EndpointInfo> {
        let request =
            Request::get(format!("http://{pod}{}", wire::path::ENDPOINT)).body(Empty::new()).ok()?;
        let answer = self.client.request(request).await.ok()?;
        let body = Limited::new(answer.into_body(), IDENTITY_BYTES_MAX).collect().await.ok()?;
        serde_json::from_slice(&body.to_bytes()).ok()
    }

    async fn ask(&self, node: &str, target: &str) -> Result<Response<Incoming>, ProbeResult> {
        let request = Request::get(target).body(Empty::new());
        let request =
            request.map_err(|error| ProbeResult::Unreachable(format!("{target} is no address: {error}")))?;
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| ProbeResult::Unreachable(crate::error::chain(&error)))?;
        match answer.headers().get(wire::header::ENDPOINT).and_then(|name| name.to_str().ok()) {
            Some(named) if named == node => Ok(answer),
            other => Err(ProbeResult::WrongEndpoint(other.unwrap_or_default().to_owned())),
        }
    }
}

/// Whether its model is ready is then the kubelet's word alone.
fn asks_for_credentials(answer: &Response<Incoming>) -> bool {
    let outcome = answer.headers().get(wire::header::OUTCOME);
    outcome.is_some_and(|word| word == Outcome::Unauthenticated.word())
}
