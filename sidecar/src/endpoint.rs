//! What every connection and every request of this process share.

use std::sync::Arc;

use http::HeaderValue;
use tokio::sync::Semaphore;
use trust::Clock;

use admission::load::Load;

use crate::{
    auth::Auth,
    config::{Config, Error},
    drain::Drain,
    grpc::channel::Channel,
    listen::{crowd::Crowd, tls::Tls},
    metrics::Metrics,
    peers::{self, Peers, kin::Kin},
    proxy::{ending::Running, own::Files, pipe::Pipes, upload::Room, upstream::Upstream},
    queue::Queue,
    quota::Quotas,
    ready::Ready,
    trace::Traces,
    usage::Usage,
};

/// Relays of readiness and metadata at once: they take no slot, so they need a bound of their own.
const RELAYS_MAX: usize = 16;
/// Watches of this endpoint's health and conversations about its services at once: each stays as long as its client.
const WATCHES_MAX: usize = 64;

/// The offload endpoint.
pub struct Endpoint {
    pub config: Config,
    pub names: Names,
    pub clock: Arc<Clock>,
    pub tls: Option<Tls>,
    pub auth: Auth,
    pub crowd: Arc<Crowd>,
    pub uploads: Arc<Semaphore>,
    pub room: Arc<Room>,
    pub relays: Arc<Semaphore>,
    pub watches: Arc<Semaphore>,
    pub load_streams: Arc<Semaphore>,
    /// Those of peers, which devices cannot take from them.
    pub peer_streams: Arc<Semaphore>,
    pub peers: Arc<Peers>,
    pub queue: Arc<Queue>,
    pub quotas: Quotas,
    /// The model server's HTTP.
    pub upstream: Option<Arc<Upstream>>,
    /// The model server's gRPC.
    pub channel: Option<Arc<Channel>>,
    pub load: Load,
    pub usage: Usage,
    pub ready: Ready,
    pub drain: Drain,
    pub running: Running,
    pub metrics: Metrics,
    pub files: Files,
    pub traces: Traces,
}

/// What every answer says about its origin.
pub struct Names {
    pub endpoint: HeaderValue,
    pub digest: Option<HeaderValue>,
}

impl Endpoint {
    /// Fails when a file that the configuration names cannot be used.
    pub fn new(config: Config) -> Result<Arc<Self>, Error> {
        let admission = &config.admission;
        let upstream = config.upstream.clone();
        let at_once = admission.concurrency as usize + RELAYS_MAX;
        let header = |text: &str| HeaderValue::from_str(text).ok();
        let names = Names {
            endpoint: header(&config.advertise.endpoint_id).unwrap_or(HeaderValue::from_static("endpoint")),
            digest: config.model.digest.as_ref().and_then(|digest| header(digest.as_str())),
        };
        let clock = Clock::new();
        let kin = config.peers.any().then(Kin::new);
        let tls = config.tls.clone().map(|tls| Tls::load(tls, Arc::clone(&clock), kin)).transpose();
        let tls = tls.map_err(|fix| Error::key("tls", fix))?;
        let auth = Auth::load(&config.auth).map_err(|fix| Error::key("auth.Jwt.jwksFile", fix))?;
        Ok(Arc::new(Self {
            names,
            clock,
            tls,
            auth,
            crowd: Crowd::new(config.limits.connections, config.limits.strangers),
            uploads: Arc::new(Semaphore::new(config.limits.uploads)),
            room: Arc::new(Room {
                memory: Arc::new(Semaphore::new(config.limits.upload_buffer_bytes)),
                pipes: Pipes::new(admission.concurrency as usize),
            }),
            relays: Arc::new(Semaphore::new(RELAYS_MAX)),
            quotas: Quotas::new(config.quota),
            watches: Arc::new(Semaphore::new(WATCHES_MAX)),
            load_streams: Arc::new(Semaphore::new(config.limits.load_streams)),
            peer_streams: Arc::new(Semaphore::new(peers::STREAMS_MAX)),
            peers: Peers::new(&config),
            queue: Queue::new(admission.concurrency, admission.queue_max, admission.timeout_default),
            upstream: upstream.http.map(|address| Upstream::new(address, at_once)),
            channel: upstream.grpc.map(|address| Channel::new(address, at_once)),
            load: Load::default(),
            usage: Usage::new(),
            ready: Ready::new(),
            drain: Drain::new(),
            running: Running::new(),
            metrics: Metrics::new(),
            files: Files::new(&config),
            traces: Traces::new(&config),
            config,
        }))
    }
}
