//! Paths, ports and times inside the pod that several children agree on.

use std::time::Duration;

use crate::{Valid, valid::ValidModel};

/// The offload endpoint.
pub const ENDPOINT_PORT: i32 = 8080;
/// Probes, metrics and `/drained`.
pub const ADMIN_PORT: i32 = 9090;
/// Program of the sidecar's image.
pub const SIDECAR: &str = "/longshore-sidecar";
/// Folder of the sidecar's configuration.
pub const CONFIG_FOLDER: &str = "/etc/longshore/sidecar";
/// Key of the configuration in its `ConfigMap`.
pub const CONFIG_KEY: &str = "config.yaml";
/// Folder of the policy bundle and the table of nodes.
pub const POLICY_FOLDER: &str = "/etc/longshore/policy";
/// Key of the policy bundle.
pub const POLICY_KEY: &str = "policy.json";
/// Key of the table of nodes.
pub const NODES_KEY: &str = "nodes.json";
/// Folder of the certificates that sign for the model host.
pub const CA_FOLDER: &str = "/etc/longshore/ca";
/// Key of the certificates in the class's `ConfigMap`.
pub const CA_KEY: &str = "ca.crt";
/// Folder of the endpoint's certificate.
pub const TLS_FOLDER: &str = "/etc/longshore/tls";
/// Key of the certificate in the class's Secret.
pub const TLS_CERTIFICATE_KEY: &str = "tls.crt";
/// Key of its private key there.
pub const TLS_PRIVATE_KEY: &str = "tls.key";
/// Folder of the authorities that sign for devices; their key is [`CA_KEY`] too.
pub const DEVICE_CA_FOLDER: &str = "/etc/longshore/device-ca";
/// Folder of the public keys of the issuer of tokens.
pub const JWKS_FOLDER: &str = "/etc/longshore/jwks";
/// Key of the public keys in the class's `ConfigMap`.
pub const JWKS_KEY: &str = "jwks.json";
/// Folder of the drain socket.
pub const RUN_FOLDER: &str = "/run/longshore";
/// Takes the command to drain.
pub const DRAIN_SOCKET: &str = "/run/longshore/drain.sock";
/// Time for routes and endpoints to notice that a pod leaves.
pub const QUIET: Duration = Duration::from_secs(5);
/// What the kubelet adds to quiet time and deadline before it kills.
const GRACE_MARGIN_SECONDS: u64 = 10;

/// Folder that the model server finds the model in.
pub fn model_folder(model: &ValidModel) -> String {
    format!("/models/{}/{}", model.name, model.version)
}

/// The model file.
pub fn model_file(model: &ValidModel) -> String {
    format!("{}/model.{}", model_folder(model), model.format)
}

/// Longest wait for running work while leaving: a whole request, and a second for its answer to travel.
pub fn drain_deadline(valid: &Valid) -> Duration {
    Duration::from_secs(u64::from(valid.admission.max_timeout_milliseconds).div_ceil(1_000) + 1)
}

/// From the first signal to the kill.
pub fn grace_seconds(valid: &Valid) -> i64 {
    let seconds = QUIET.as_secs() + drain_deadline(valid).as_secs() + GRACE_MARGIN_SECONDS;
    i64::try_from(seconds).expect("the schema keeps deadlines below an hour")
}
