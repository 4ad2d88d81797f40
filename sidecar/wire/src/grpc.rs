//! gRPC on the offload endpoint: its methods, header names, frames and times. A message is bytes here; what is compared
//! of it is its first field. Status codes stand in [`crate::outcome`].

use std::time::Duration;

/// Content type of requests and answers.
pub const CONTENT_TYPE: &str = "application/grpc";
/// Trailer: the status code.
pub const STATUS: &str = "grpc-status";
/// Trailer: the status in words, percent-encoded.
pub const MESSAGE: &str = "grpc-message";
/// Request: time left.
pub const TIMEOUT: &str = "grpc-timeout";
/// Which compressions the sender takes.
pub const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// The Open Inference Protocol's service.
pub const INFERENCE_SERVICE: &str = "inference.GRPCInferenceService";
/// The service that says whether others serve.
pub const HEALTH_SERVICE: &str = "grpc.health.v1.Health";
/// The service that reports load beside the requests.
pub const LOAD_SERVICE: &str = "xds.service.orca.v3.OpenRcaService";
/// The services that tell of the services, the old name last.
pub const REFLECTION_SERVICES: [&str; 2] =
    ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
/// The services whose methods are known here, but for those that tell of them.
pub const SERVICES: [&str; 3] = [INFERENCE_SERVICE, HEALTH_SERVICE, LOAD_SERVICE];

/// Readiness of the server.
pub const SERVER_READY: &str = "/inference.GRPCInferenceService/ServerReady";
/// Readiness of a model.
pub const MODEL_READY: &str = "/inference.GRPCInferenceService/ModelReady";
/// Inputs and outputs of a model.
pub const MODEL_METADATA: &str = "/inference.GRPCInferenceService/ModelMetadata";
/// An inference.
pub const MODEL_INFER: &str = "/inference.GRPCInferenceService/ModelInfer";

/// What a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// An inference; its message begins with the model's name.
    Infer,
    /// Readiness or metadata of a model; the message begins with the model's name.
    Model,
    /// Liveness, readiness or metadata of the server.
    Server,
    /// Health, once.
    Check,
    /// Health, again whenever it changes.
    Watch,
    /// Load, again and again.
    Load,
    /// Services, their methods and messages.
    Reflect,
}

impl Method {
    /// Reads a path. `None`: there is no such method.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        match (service, method) {
            (INFERENCE_SERVICE, "ModelInfer") => Some(Self::Infer),
            (INFERENCE_SERVICE, "ModelReady" | "ModelMetadata") => Some(Self::Model),
            (INFERENCE_SERVICE, "ServerLive" | "ServerReady" | "ServerMetadata") => Some(Self::Server),
            (HEALTH_SERVICE, "Check") => Some(Self::Check),
            (HEALTH_SERVICE, "Watch") => Some(Self::Watch),
            (LOAD_SERVICE, "StreamCoreMetrics") => Some(Self::Load),
            (service, "ServerReflectionInfo") if REFLECTION_SERVICES.contains(&service) => {
                Some(Self::Reflect)
            }
            _ => None,
        }
    }
}

/// Bytes before a message: whether it is compressed, and its length.
pub const FRAME_HEAD_BYTES: usize = 5;

/// What stands before a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// The message is compressed.
    pub compressed: bool,
    /// Length of the message in bytes.
    pub length: u32,
}

impl FrameHead {
    /// Reads the beginning of a body. `None`: too short, or not a frame.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (&[flag, a, b, c, d], _) = body.split_first_chunk::<FRAME_HEAD_BYTES>()?;
        (flag <= 1).then_some(Self { compressed: flag == 1, length: u32::from_be_bytes([a, b, c, d]) })
    }
}

/// The head of a frame with so many bytes in it. A longer message has no frame.
#[must_use]
pub fn frame_head(length: u32) -> [u8; FRAME_HEAD_BYTES] {
    let [a, b, c, d] = length.to_be_bytes();
    [0, a, b, c, d]
}

/// A message in its frame.
#[must_use]
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&frame_head(length), message].concat()
}

/// Reads `grpc-timeout`: at most eight digits and a unit.
#[must_use]
pub fn timeout(text: &str) -> Option<Duration> {
    const DIGITS_MAX: usize = 8;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=DIGITS_MAX).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// The value of `grpc-timeout`, in whole milliseconds and at least one.
#[must_use]
pub fn timeout_text(left: Duration) -> String {
    const MILLISECONDS_MAX: u128 = 99_999_999;
    format!("{}m", left.as_millis().clamp(1, MILLISECONDS_MAX))
}
