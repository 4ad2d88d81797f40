//! What the class asks of the offload's namespace, and the kubelet waits for. It says which in events only, so this is told
//! from what the class names.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};

use crate::{
    Reason, World,
    status::{
        trouble::{Step, Trouble},
        view::Wish,
    },
};

/// Seconds for the kubelet to mount what exists.
const MOUNT_SECONDS_MAX: i64 = 30;

/// The pod waits for its volumes.
pub fn objects_missing(pod: &Pod, _: &World, wish: &Wish<'_>) -> Option<Trouble> {
    if waited_seconds(pod, wish.now)? <= MOUNT_SECONDS_MAX {
        return None;
    }
    let asked = asked(wish);
    let (step, reason, _) = asked.first()?;
    let objects: Vec<&str> = asked.iter().map(|(_, _, object)| object.as_str()).collect();
    let message = format!(
        "the pod waits for its volumes; look whether this namespace has what the class asks for: {}",
        objects.join("; ")
    );
    Some(Trouble::new(*step, *reason, message))
}

/// When a pod that waits for its volumes will have waited too long. Nothing happens to it then, so no watch tells.
pub fn patience(pods: &[Pod], now: Timestamp) -> Option<Duration> {
    let waited = pods.iter().filter_map(|pod| waited_seconds(pod, now));
    let left = waited.filter(|seconds| (0..=MOUNT_SECONDS_MAX).contains(seconds));
    let longest = left.max()?;
    u64::try_from(MOUNT_SECONDS_MAX + 1 - longest).ok().map(Duration::from_secs)
}

/// How long a pod has waited for its volumes; none where it does not.
fn waited_seconds(pod: &Pod, now: Timestamp) -> Option<i64> {
    condition(pod, "PodReadyToStartContainers", "False")?;
    let scheduled = condition(pod, "PodScheduled", "True")?.last_transition_time.as_ref()?;
    Some(now.as_second() - scheduled.0.as_second())
}

/// The certificate first: without it nothing else of an endpoint matters.
fn asked(wish: &Wish<'_>) -> Vec<(Step, Reason, String)> {
    let Some(class) = wish.class else { return Vec::new() };
    let of_endpoint = |object| (Step::Runtime, Reason::TlsSecretNotFound, object);
    let of_model = |object| (Step::Model, Reason::ModelDownloadFailed, object);
    let tls = class.endpoint.tls.as_ref();
    let certificate = tls.map(|tls| {
        let name = &tls.secret_name;
        format!("Secret {name} with the keys tls.crt and tls.key (spec.endpoint.tls.secretName)")
    });
    let devices = tls.and_then(|tls| tls.client_ca_config_map_name.as_ref()).map(|name| {
        format!("ConfigMap {name} with the key ca.crt (spec.endpoint.tls.clientCaConfigMapName)")
    });
    let tokens = class.endpoint.jwt.as_ref().map(|jwt| {
        let name = &jwt.jwks_config_map_name;
        format!("ConfigMap {name} with the key jwks.json (spec.endpoint.jwt.jwksConfigMapName)")
    });
    let https = wish.offload.spec.model.source.https.as_ref();
    let host = https
        .and(class.models.ca_config_map_name.as_ref())
        .map(|name| format!("ConfigMap {name} with the key ca.crt (spec.models.caConfigMapName)"));
    let endpoint = [certificate, devices, tokens].into_iter().flatten().map(of_endpoint);
    endpoint.chain(host.map(of_model)).collect()
}

fn condition<'a>(pod: &'a Pod, type_: &str, status: &str) -> Option<&'a PodCondition> {
    let mut all = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    all.find(|one| one.type_ == type_ && one.status == status)
}
