//! The sidecar's configuration file. All keys but `listen`, `upstream` and `model.name` have defaults; an unknown key
//! is an error.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SidecarConfig {
    /// The offload endpoint: HTTP/1.1, HTTP/2 and gRPC, `ADDRESS:PORT`.
    pub listen: String,
    /// Probes, metrics and `/drained`, `ADDRESS:PORT`. `$(POD_IP)` is replaced from the environment.
    #[serde(default = "default_admin")]
    pub admin: String,
    /// Unix socket that takes the command to drain; none when empty.
    #[serde(default)]
    pub drain_socket: String,
    /// The model server behind.
    pub upstream: Upstream,
    /// The served model.
    pub model: Model,
    /// How much work is let in.
    #[serde(default)]
    pub admission: Admission,
    /// Bounds on connections and bodies.
    #[serde(default)]
    pub limits: Limits,
    /// Certificate of the offload endpoint; without it the endpoint speaks in the clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Who may ask.
    #[serde(default)]
    pub auth: Auth,
    /// How much one device may have; without it no device is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// How this endpoint calls itself.
    #[serde(default)]
    pub advertise: Advertise,
    /// The other sidecars of this model; without them routes lead here alone.
    #[serde(default)]
    pub peers: Peers,
    /// When the load report is sent.
    #[serde(default)]
    pub load_header: LoadHeader,
    /// How the endpoint leaves.
    #[serde(default)]
    pub drain: Drain,
    /// Passes at most 200 printable characters of the server's 4xx on. Servers have leaked secrets that way.
    #[serde(default)]
    pub relay_model_errors: bool,
    /// The policy bundle that devices get; read again when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_file: Option<String>,
    /// Where spans go, `http://HOST:PORT` of a collector that takes OTLP as JSON; only in programs built with the feature
    /// `otlp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_collector: Option<String>,
}

fn default_admin() -> String {
    "127.0.0.1:9090".into()
}

/// Where the model server listens: at least one of the two. A request is passed on in the protocol it came in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Upstream {
    /// `http://127.0.0.1:8000` or `unix:/run/model/http.sock`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// The same for gRPC: `http://127.0.0.1:8001` or `unix:/run/model/grpc.sock`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc: Option<String>,
}

/// Which model is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Model {
    /// Name in protocol URLs.
    pub name: String,
    /// Version in protocol URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Digest of the model file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Words for the indices of the probabilities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// How much work is let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Admission {
    /// Requests inside the model server at once.
    pub max_concurrency: u32,
    /// Requests that wait at most.
    pub max_queue_depth: u32,
    /// Used when a request names no deadline, in milliseconds.
    pub default_timeout_milliseconds: u32,
    /// A longer deadline is shortened to this, in milliseconds.
    pub max_timeout_milliseconds: u32,
    /// Longest request body, in bytes.
    pub max_payload_bytes: u64,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            max_concurrency: 4,
            max_queue_depth: 64,
            default_timeout_milliseconds: 200,
            max_timeout_milliseconds: 2_000,
            max_payload_bytes: 4 << 20,
        }
    }
}

/// Bounds on connections and bodies. All are enforced; none means "unlimited".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Open connections. When all are taken, one of the source address that has most makes room for each that comes.
    pub connections: u32,
    /// How many connections of one source address, on which no request was let in yet, are left alone then; above that
    /// the oldest of them goes first.
    pub strangers_per_source: u32,
    /// HTTP/2 streams of one connection.
    pub streams_per_connection: u32,
    /// Flow-control window of one HTTP/2 stream, in bytes.
    pub stream_window_bytes: u32,
    /// Header lines of one request.
    pub headers: u32,
    /// Header bytes of one request.
    pub header_bytes: u32,
    /// From accepting a connection to its first byte, in milliseconds.
    pub first_byte_milliseconds: u64,
    /// From accepting a connection to the end of its TLS handshake, in milliseconds.
    pub tls_handshake_milliseconds: u64,
    /// From the first byte of a request to the end of its headers, in milliseconds.
    pub headers_milliseconds: u64,
    /// Slowest body, either way, averaged over `bodyWindowMilliseconds`, in bytes per second.
    pub body_bytes_per_second: u64,
    /// Time over which the progress of a body is averaged, in milliseconds.
    pub body_window_milliseconds: u64,
    /// A connection without a request in it is closed after this, in milliseconds.
    pub idle_milliseconds: u64,
    /// How long a peer may be silent before it is asked whether it is still there, by TCP and by a PING of HTTP/2, in
    /// milliseconds (TCP counts whole seconds). From `idleMilliseconds` on, no device is woken for it.
    pub keep_alive_milliseconds: u64,
    /// How long it may take to answer, or to acknowledge what was sent to it, in milliseconds.
    pub keep_alive_timeout_milliseconds: u64,
    /// Bodies on their way in at once.
    pub uploads: u32,
    /// Memory for bodies that wait for a slot, all requests together, in bytes; what does not fit waits in the client.
    pub upload_buffer_bytes: u64,
    /// Streams of load reports at once.
    pub load_streams: u32,
    /// Shortest time from one report of a stream to the next, in milliseconds.
    pub load_min_interval_milliseconds: u64,
    /// Longest time from one report of a stream to the next, in milliseconds.
    pub load_max_interval_milliseconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            strangers_per_source: 16,
            streams_per_connection: 64,
            stream_window_bytes: 65_536,
            headers: 64,
            header_bytes: 32_768,
            first_byte_milliseconds: 5_000,
            tls_handshake_milliseconds: 5_000,
            headers_milliseconds: 10_000,
            body_bytes_per_second: 1_024,
            body_window_milliseconds: 10_000,
            idle_milliseconds: 60_000,
            keep_alive_milliseconds: 60_000,
            keep_alive_timeout_milliseconds: 20_000,
            uploads: 256,
            upload_buffer_bytes: 8 << 20,
            load_streams: 64,
            load_min_interval_milliseconds: 1_000,
            load_max_interval_milliseconds: 60_000,
        }
    }
}

/// TLS of the offload endpoint. Its files are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// Certificates, PEM: the endpoint's own, then those that signed for it.
    pub certificate_file: String,
    /// Private key of the first, PEM.
    pub key_file: String,
    /// Certificates of the authorities that sign for devices, PEM. Absent: no device is asked for a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca_file: Option<String>,
    /// The oldest version that is spoken.
    #[serde(default)]
    pub minimum_version: TlsVersion,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// 1.3.
    #[default]
    #[serde(rename = "1.3")]
    V1_3,
    /// 1.2.
    #[serde(rename = "1.2")]
    V1_2,
}

/// Who may ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Auth {
    /// Anyone who reaches the port.
    #[default]
    None,
    /// Devices whose certificate is signed by an authority of `tls.clientCaFile` and holds a SPIFFE id.
    MutualTls,
    /// Devices with a bearer token.
    Jwt(Jwt),
}

/// What a bearer token must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Jwt {
    /// Its `iss`, letter by letter.
    pub issuer: String,
    /// Its `aud` is, or holds, one of these.
    pub audiences: Vec<String>,
    /// It is signed in one of these ways.
    pub algorithms: Vec<Algorithm>,
    /// Public keys of the issuer, a JSON Web Key Set; read again when it changes.
    pub jwks_file: String,
}

/// A way to sign a token. Those that need a shared secret are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// RSA PKCS #1 version 1.5 with SHA-256.
    RS256,
    /// Ed25519.
    EdDSA,
}

/// How much one device may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quota {
    /// Inferences of one device at once, those that wait included.
    pub in_flight_per_device: u32,
    /// The model server's time for one device, in milliseconds of each second; a second's worth may be used at once.
    pub server_milliseconds_per_second: u32,
}

/// How an endpoint calls itself: written out, or looked up by `NODE_NAME` in a table that is read again when it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Advertise {
    /// Id of the endpoint; the environment's `NODE_NAME` when empty.
    pub endpoint_id: String,
    /// Where devices dial it.
    pub url: String,
    /// The site.
    pub zone: String,
    /// A [`crate::NodeTable`] as JSON; its row for the id fills `url` and `zone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes_file: Option<String>,
}

/// Where the other sidecars of this model are. This one may be among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Peers {
    /// A name whose addresses are theirs, `HOST:PORT`; asked again and again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<String>,
    /// Their addresses, each `ADDRESS:PORT`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
}

/// When the load report is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadHeader {
    /// When the request asks for it.
    #[default]
    OnRequest,
    /// With every answer (Envoy never asks).
    Always,
}

/// How an endpoint leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Drain {
    /// Time for routes and endpoints to notice before new work is refused, in milliseconds.
    pub quiet_milliseconds: u64,
    /// Longest wait for running work after that, in milliseconds.
    pub deadline_milliseconds: u64,
}

impl Default for Drain {
    fn default() -> Self {
        Self { quiet_milliseconds: 5_000, deadline_milliseconds: 30_000 }
    }
}
