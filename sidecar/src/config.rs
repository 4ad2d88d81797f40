//! The checked configuration: addresses parsed, times as durations, nothing left to doubt. In: the file's text and the
//! environment. Out: [`Config`], or an error that names the key and the fix.

mod security;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use admission::load::Bounds;
use wire::{SidecarConfig, config::LoadHeader, name};

use crate::{listen::pace, proxy::http1::head::HEADERS_MAX};

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Syntax(#[from] serde_saphyr::Error),
    #[error("{key}: {fix}")]
    Key { key: &'static str, fix: String },
}

impl Error {
    /// A key with a value that cannot be.
    pub fn key(key: &'static str, fix: impl Into<String>) -> Self {
        Self::Key { key, fix: fix.into() }
    }
}

/// What the program runs with.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    pub drain_socket: Option<PathBuf>,
    pub upstream: Upstream,
    pub model: wire::config::Model,
    pub admission: Bounds,
    pub limits: Limits,
    pub tls: Option<wire::config::Tls>,
    pub auth: wire::config::Auth,
    pub quota: Option<Quota>,
    pub advertise: Advertise,
    pub peers: Peers,
    pub load_header: LoadHeader,
    pub quiet: Duration,
    pub drain_max: Duration,
    pub relay_model_errors: bool,
    pub policy_file: Option<PathBuf>,
    #[cfg(feature = "otlp")]
    pub trace_collector: Option<Address>,
}

/// Where the model server listens; at least one is there.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub http: Option<Address>,
    pub grpc: Option<Address>,
}

/// One address of the model server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT`.
    Tcp(String),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// `Host` of what is sent there.
    pub fn host(&self) -> &str {
        match self {
            Self::Tcp(authority) => authority,
            Self::Unix(_) => "localhost",
        }
    }
}

/// Bounds on connections and bodies.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connections: u32,
    /// Connections of one source that have not asked yet.
    pub strangers: usize,
    pub streams: u32,
    pub stream_window_bytes: u32,
    pub headers: usize,
    pub header_bytes: usize,
    pub first_byte_max: Duration,
    pub tls_handshake_max: Duration,
    /// How long a peer may be silent before it is asked whether it is there, and how long it may take to say so.
    pub keep_alive: Duration,
    pub keep_alive_timeout: Duration,
    pub pace: pace::Bounds,
    pub uploads: usize,
    pub upload_buffer_bytes: usize,
    pub load_streams: usize,
    pub load_interval_min: Duration,
    pub load_interval_max: Duration,
}

/// How much one device may have.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    pub in_flight_max: u32,
    /// Seconds of the model server in each second.
    pub server_share: f64,
}

/// How this endpoint calls itself.
#[derive(Clone, Debug)]
pub struct Advertise {
    pub endpoint_id: String,
    pub url: String,
    pub zone: String,
    pub nodes_file: Option<PathBuf>,
}

/// Where the other sidecars of the model are.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    pub dns: Option<String>,
    pub addresses: Vec<SocketAddr>,
}

impl Peers {
    /// Whether there may be some.
    pub fn any(&self) -> bool {
        self.dns.is_some() || !self.addresses.is_empty()
    }
}

/// Reads and checks a configuration; `variable` looks up the environment.
pub fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Config, Error> {
    let raw: SidecarConfig = serde_saphyr::from_str(text)?;
    if !name::is_model(&raw.model.name) {
        return Err(key(
            "model.name",
            "use 1 to 63 of a-z 0-9 - _ . that begin and end with a letter or a digit",
        ));
    }
    if raw.model.version.as_deref().is_some_and(|version| !name::is_version(version)) {
        return Err(key("model.version", "use a positive whole number, such as \"3\""));
    }
    security::check(raw.tls.as_ref(), &raw.auth)?;
    #[cfg(not(feature = "otlp"))]
    if raw.trace_collector.is_some() {
        return Err(key("traceCollector", "take it out: this program was built without the feature otlp"));
    }
    Ok(Config {
        listen: socket("listen", &raw.listen)?,
        admin: socket("admin", &with_pod_ip(&raw.admin, &variable)?)?,
        drain_socket: (!raw.drain_socket.is_empty()).then(|| raw.drain_socket.clone().into()),
        upstream: upstream(&raw.upstream)?,
        admission: admission(&raw.admission)?,
        limits: limits(&raw.limits)?,
        tls: raw.tls,
        quota: security::quota(raw.quota, &raw.auth)?,
        auth: raw.auth,
        advertise: advertise(raw.advertise, &variable),
        model: raw.model,
        peers: peers(raw.peers)?,
        load_header: raw.load_header,
        quiet: Duration::from_millis(raw.drain.quiet_milliseconds),
        drain_max: Duration::from_millis(raw.drain.deadline_milliseconds),
        relay_model_errors: raw.relay_model_errors,
        policy_file: raw.policy_file.map(Into::into),
        #[cfg(feature = "otlp")]
        trace_collector: raw
            .trace_collector
            .as_deref()
            .map(|text| address("traceCollector", text))
            .transpose()?,
    })
}

fn key(key: &'static str, fix: impl Into<String>) -> Error {
    Error::key(key, fix)
}

fn socket(name: &'static str, text: &str) -> Result<SocketAddr, Error> {
    text.parse()
        .map_err(|_| key(name, format!("{text:?} is not ADDRESS:PORT, such as 0.0.0.0:8080 or [::]:8080")))
}

fn with_pod_ip(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, Error> {
    const PLACE: &str = "$(POD_IP)";
    if !text.contains(PLACE) {
        return Ok(text.into());
    }
    let address = variable("POD_IP")
        .ok_or_else(|| key("admin", "set the environment variable POD_IP, which it names"))?;
    let address = if address.contains(':') { format!("[{address}]") } else { address };
    Ok(text.replace(PLACE, &address))
}

fn upstream(raw: &wire::config::Upstream) -> Result<Upstream, Error> {
    let of = |name, text: Option<&String>| text.map(|text| address(name, text)).transpose();
    let upstream = Upstream {
        http: of("upstream.http", raw.http.as_ref())?,
        grpc: of("upstream.grpc", raw.grpc.as_ref())?,
    };
    if upstream.http.is_none() && upstream.grpc.is_none() {
        return Err(key("upstream", "name http, grpc or both"));
    }
    Ok(upstream)
}

fn address(name: &'static str, text: &str) -> Result<Address, Error> {
    if let Some(path) = text.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
        return Ok(Address::Unix(path.into()));
    }
    let authority = text.strip_prefix("http://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    match authority.map(str::parse::<http::uri::Authority>) {
        Some(Ok(authority)) if authority.port().is_some() && !authority.as_str().contains('@') => {
            Ok(Address::Tcp(authority.as_str().into()))
        }
        _ => Err(key(name, format!("{text:?} is not http://HOST:PORT or unix:/PATH"))),
    }
}

fn admission(raw: &wire::config::Admission) -> Result<Bounds, Error> {
    if raw.max_concurrency == 0 {
        return Err(key("admission.maxConcurrency", "use at least 1"));
    }
    if raw.default_timeout_milliseconds == 0 {
        return Err(key("admission.defaultTimeoutMilliseconds", "use at least 1"));
    }
    if raw.max_timeout_milliseconds < raw.default_timeout_milliseconds {
        return Err(key(
            "admission.maxTimeoutMilliseconds",
            "use at least admission.defaultTimeoutMilliseconds",
        ));
    }
    if raw.max_payload_bytes == 0 {
        return Err(key("admission.maxPayloadBytes", "use at least 1"));
    }
    Ok(Bounds {
        concurrency: raw.max_concurrency,
        queue_max: raw.max_queue_depth,
        timeout_default: Duration::from_millis(raw.default_timeout_milliseconds.into()),
        timeout_max: Duration::from_millis(raw.max_timeout_milliseconds.into()),
        payload_bytes_max: raw.max_payload_bytes,
    })
}

fn limits(raw: &wire::config::Limits) -> Result<Limits, Error> {
    let positive = [
        ("limits.connections", u64::from(raw.connections)),
        ("limits.streamsPerConnection", raw.streams_per_connection.into()),
        ("limits.headers", raw.headers.into()),
        ("limits.headerBytes", raw.header_bytes.into()),
        ("limits.firstByteMilliseconds", raw.first_byte_milliseconds),
        ("limits.tlsHandshakeMilliseconds", raw.tls_handshake_milliseconds),
        ("limits.headersMilliseconds", raw.headers_milliseconds),
        ("limits.bodyBytesPerSecond", raw.body_bytes_per_second),
        ("limits.bodyWindowMilliseconds", raw.body_window_milliseconds),
        ("limits.idleMilliseconds", raw.idle_milliseconds),
        ("limits.keepAliveMilliseconds", raw.keep_alive_milliseconds),
        ("limits.keepAliveTimeoutMilliseconds", raw.keep_alive_timeout_milliseconds),
        ("limits.uploads", raw.uploads.into()),
        ("limits.loadStreams", raw.load_streams.into()),
        ("limits.loadMinIntervalMilliseconds", raw.load_min_interval_milliseconds),
    ];
    if let Some((name, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
        return Err(key(name, "use at least 1; nothing here may be unlimited"));
    }
    if raw.headers as usize > HEADERS_MAX {
        return Err(key("limits.headers", "use at most 256"));
    }
    // The kernel counts in seconds, up to these.
    const SECONDS_MAX: u64 = 32_767;
    for (name, value) in [
        ("limits.keepAliveMilliseconds", raw.keep_alive_milliseconds),
        ("limits.keepAliveTimeoutMilliseconds", raw.keep_alive_timeout_milliseconds),
    ] {
        if value > SECONDS_MAX * 1000 {
            return Err(key(name, "use at most 32767000"));
        }
    }
    // RFC 9113 gives the bounds of a window.
    if raw.stream_window_bytes < 1 || raw.stream_window_bytes > i32::MAX.unsigned_abs() {
        return Err(key("limits.streamWindowBytes", "use 1 to 2147483647"));
    }
    if raw.load_max_interval_milliseconds < raw.load_min_interval_milliseconds {
        return Err(key(
            "limits.loadMaxIntervalMilliseconds",
            "use at least limits.loadMinIntervalMilliseconds",
        ));
    }
    Ok(Limits {
        connections: raw.connections,
        strangers: raw.strangers_per_source as usize,
        streams: raw.streams_per_connection,
        stream_window_bytes: raw.stream_window_bytes,
        headers: raw.headers as usize,
        header_bytes: raw.header_bytes as usize,
        first_byte_max: Duration::from_millis(raw.first_byte_milliseconds),
        tls_handshake_max: Duration::from_millis(raw.tls_handshake_milliseconds),
        keep_alive: Duration::from_millis(raw.keep_alive_milliseconds),
        keep_alive_timeout: Duration::from_millis(raw.keep_alive_timeout_milliseconds),
        pace: pace::Bounds {
            head_max: Duration::from_millis(raw.headers_milliseconds),
            idle_max: Duration::from_millis(raw.idle_milliseconds),
            window: Duration::from_millis(raw.body_window_milliseconds),
            window_bytes_min: (raw.body_bytes_per_second.saturating_mul(raw.body_window_milliseconds) / 1000)
                .max(1),
        },
        uploads: raw.uploads as usize,
        upload_buffer_bytes: usize::try_from(raw.upload_buffer_bytes)
            .unwrap_or(usize::MAX)
            .min(tokio::sync::Semaphore::MAX_PERMITS),
        load_streams: raw.load_streams as usize,
        load_interval_min: Duration::from_millis(raw.load_min_interval_milliseconds),
        load_interval_max: Duration::from_millis(raw.load_max_interval_milliseconds),
    })
}

fn peers(raw: wire::config::Peers) -> Result<Peers, Error> {
    let has_port = |name: &String| {
        name.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    if raw.dns.as_ref().is_some_and(|name| !has_port(name)) {
        return Err(key("peers.dns", "use HOST:PORT, such as person-detect-peers.cameras.svc:8080"));
    }
    let addresses = raw.addresses.iter().map(|text| socket("peers.addresses", text));
    Ok(Peers { dns: raw.dns, addresses: addresses.collect::<Result<_, _>>()? })
}

fn advertise(raw: wire::config::Advertise, variable: impl Fn(&str) -> Option<String>) -> Advertise {
    let endpoint_id = if raw.endpoint_id.is_empty() {
        variable("NODE_NAME").or_else(|| variable("HOSTNAME")).unwrap_or_else(|| "endpoint".into())
    } else {
        raw.endpoint_id
    };
    Advertise { endpoint_id, url: raw.url, zone: raw.zone, nodes_file: raw.nodes_file.map(Into::into) }
}
