//! Header names. The same words are gRPC metadata keys.

/// Request: time left, relative, in milliseconds.
pub const DEADLINE_MS: &str = "longshore-deadline-ms";
/// Request: [`crate::priority`], a whole number.
pub const PRIORITY: &str = "longshore-priority";
/// Response: how the request ended, one word of [`crate::Outcome`].
pub const OUTCOME: &str = "longshore-outcome";
/// Response: what the device should do, one word of [`crate::Advice`].
pub const ADVICE: &str = "longshore-advice";
/// Response: the endpoint that answered; in a cluster the node's name.
pub const ENDPOINT: &str = "longshore-endpoint";
/// Response: digest of the model that answered, `sha256:` and 64 hexadecimal digits.
pub const MODEL_DIGEST: &str = "longshore-model-digest";
/// Response: time spent waiting in the sidecar, in microseconds.
pub const QUEUE_US: &str = "longshore-queue-us";
/// Response: time from handing the request to the model server until its answer began, in microseconds.
pub const SERVICE_US: &str = "longshore-service-us";
/// Prefix of every header above; stripped from what goes to the model server.
pub const PREFIX: &str = "longshore-";
/// Request: asks for a load report, `json`, `text` or `bin`; over gRPC each of them gives the last.
pub const LOAD_FORMAT: &str = "endpoint-load-metrics-format";
/// Response: the load report, `JSON {...}` or `TEXT ...`.
pub const LOAD: &str = "endpoint-load-metrics";
/// Response, over gRPC a trailer: the load report as a protobuf message in Base64.
pub const LOAD_BINARY: &str = "endpoint-load-metrics-bin";
/// Open Inference Protocol: length of the JSON part of a body with binary tensors, in bytes.
pub const INFERENCE_HEADER_CONTENT_LENGTH: &str = "inference-header-content-length";
