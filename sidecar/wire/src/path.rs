//! Paths of the Open Inference Protocol v2 and our own, on the offload endpoint and on the admin address.

/// Load report, JSON.
pub const LOAD: &str = "/v1alpha1/load";
/// Who answers here: node, url, zone, model, digest, capacity.
pub const ENDPOINT: &str = "/v1alpha1/endpoint";
/// The policy bundle, with an ETag.
pub const POLICY: &str = "/v1alpha1/policy";

/// What this sidecar knows of its peers; for them alone.
pub const ROUTES: &str = "/v1alpha1/routes";
/// Which endpoints a device should use.
pub const RESOLVE: &str = "/v1alpha1/routes:resolve";

/// Server metadata.
pub const SERVER: &str = "/v2";
/// Server liveness.
pub const SERVER_LIVE: &str = "/v2/health/live";
/// Server readiness.
pub const SERVER_READY: &str = "/v2/health/ready";

/// Admin: the process is alive.
pub const LIVEZ: &str = "/livez";
/// Admin: this endpoint takes new work; false at once when a drain begins.
pub const READYZ: &str = "/readyz";
/// Admin: requests that arrive still get an answer; the kubelet's readiness.
pub const SERVINGZ: &str = "/servingz";
/// Admin: answers when the drain is over (held open until then).
pub const DRAINED: &str = "/drained";
/// Admin: Prometheus metrics.
pub const METRICS: &str = "/metrics";

/// `POST` target of an inference with the model's default version.
#[must_use]
pub fn infer(model: &str) -> String {
    format!("/v2/models/{model}/infer")
}

/// `GET` target of a model's readiness.
#[must_use]
pub fn model_ready(model: &str) -> String {
    format!("/v2/models/{model}/ready")
}

/// `GET` target of a model's metadata.
#[must_use]
pub fn model(model: &str) -> String {
    format!("/v2/models/{model}")
}

/// What a path on the offload endpoint means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `GET` of server metadata, liveness or readiness, a model's metadata or readiness.
    Relay,
    /// `POST` of an inference.
    Infer,
    /// `GET` of [`LOAD`].
    Load,
    /// `GET` of [`ENDPOINT`].
    Endpoint,
    /// `GET` of [`POLICY`].
    Policy,
    /// `GET` of [`ROUTES`].
    Routes,
    /// `POST` of [`RESOLVE`].
    Resolve,
}

impl Target {
    /// Reads a path, without its query, against the one model served here. `None`: there is no such path.
    ///
    /// No decoding: a percent sign, an empty segment or a dot segment matches nothing.
    #[must_use]
    pub fn parse(path: &str, served_model: &str) -> Option<Self> {
        match path {
            LOAD => return Some(Self::Load),
            ENDPOINT => return Some(Self::Endpoint),
            POLICY => return Some(Self::Policy),
            ROUTES => return Some(Self::Routes),
            RESOLVE => return Some(Self::Resolve),
            SERVER | SERVER_LIVE | SERVER_READY => return Some(Self::Relay),
            _ => {}
        }
        let mut segments = path.strip_prefix("/v2/models/")?.split('/');
        if segments.next()? != served_model {
            return None;
        }
        let mut next = segments.next();
        if next == Some("versions") {
            let version = segments.next()?;
            if !crate::name::is_version(version) {
                return None;
            }
            next = segments.next();
        }
        match (next, segments.next()) {
            (None | Some("ready"), None) => Some(Self::Relay),
            (Some("infer"), None) => Some(Self::Infer),
            _ => None,
        }
    }

    /// The only method that the target takes.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Infer | Self::Resolve => "POST",
            Self::Relay | Self::Load | Self::Endpoint | Self::Policy | Self::Routes => "GET",
        }
    }
}
