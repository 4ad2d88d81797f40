//! Names, labels and annotations of children: the only place that knows them. Changing one orphans a running fleet.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

/// Field manager of every write.
pub const FIELD_MANAGER: &str = "longshore-operator";
/// Label of every child: the offload's name.
pub const OFFLOAD_LABEL: &str = "longshore.dev/offload";
/// Label of every child, for one watch over all of them.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY_LABEL`].
pub const MANAGED_BY: &str = "longshore";
/// Annotation of every child: short hash of its intent.
pub const PLAN_HASH_ANNOTATION: &str = "longshore.dev/plan-hash";
/// Annotation of pods: digest of the model file that they serve.
pub const DIGEST_ANNOTATION: &str = "longshore.dev/model-digest";
/// Annotation of pods: which spec they serve.
pub const SPEC_HASH_ANNOTATION: &str = "longshore.dev/spec-hash";
/// Longest name of a Kubernetes label value, Service or container, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// `<offload>-model`: Deployment and ServiceAccount.
#[must_use]
pub fn model(offload: &str) -> String {
    child(offload, "model")
}

/// `<offload>-policy`: ConfigMap.
#[must_use]
pub fn policy(offload: &str) -> String {
    child(offload, "policy")
}

/// `<offload>-peers`: headless Service.
#[must_use]
pub fn peers(offload: &str) -> String {
    child(offload, "peers")
}

/// `<offload>-sidecar-<hash>`: ConfigMap, a new one for each content.
#[must_use]
pub fn sidecar_config(offload: &str, content: &[u8]) -> String {
    child(offload, &format!("sidecar-{}", short_hash(content)))
}

/// What never changes for the life of a Deployment.
#[must_use]
pub fn selector(offload: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(OFFLOAD_LABEL.into(), offload.into())])
}

/// The selector, plus what marks every child as ours.
#[must_use]
pub fn labels(offload: &str) -> BTreeMap<String, String> {
    let mut all = selector(offload);
    all.insert(MANAGED_BY_LABEL.into(), MANAGED_BY.into());
    all
}

/// Ten hexadecimal digits that stand for a content.
#[must_use]
pub fn short_hash(content: &[u8]) -> String {
    Sha256::digest(content).iter().take(5).map(|byte| format!("{byte:02x}")).collect()
}

/// Cut and hashed where it is too long, never cut alone: two long names that begin alike stay apart.
fn child(offload: &str, suffix: &str) -> String {
    let whole = format!("{offload}-{suffix}");
    if whole.len() <= NAME_BYTES_MAX {
        return whole;
    }
    let hash = short_hash(offload.as_bytes());
    let room = NAME_BYTES_MAX - suffix.len() - hash.len() - 2;
    let start = offload[..room.min(offload.len())].trim_end_matches('-');
    format!("{start}-{hash}-{suffix}")
}
