//! The model server of the class. It listens on loopback, where the kubelet cannot probe it; the sidecar does.

use k8s_openapi::{
    api::core::v1::{Container, EnvVar, Lifecycle, LifecycleHandler, ResourceRequirements, VolumeMount},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{model_file, mount, restricted, sidecar};
use crate::{Valid, resources::volumes};

/// Name of the container.
pub const RUNTIME_NAME: &str = "runtime";

/// The model server, with the accelerators.
pub fn runtime(valid: &Valid) -> Container {
    let runtime = &valid.class.runtime;
    Container {
        name: RUNTIME_NAME.into(),
        image: Some(runtime.image.clone()),
        image_pull_policy: Some(format!("{:?}", runtime.image_pull_policy)),
        args: (!runtime.args.is_empty()).then(|| runtime.args.clone()),
        env: (!runtime.env.is_empty()).then(|| env(valid)),
        resources: resources(valid),
        lifecycle: Some(leave_last()),
        volume_mounts: Some(mounts(valid)),
        ..restricted()
    }
}

/// All hooks run at once; this one returns when the sidecar has finished what runs.
fn leave_last() -> Lifecycle {
    let drained =
        LifecycleHandler { http_get: Some(sidecar::get("/drained")), ..LifecycleHandler::default() };
    Lifecycle { pre_stop: Some(drained), ..Lifecycle::default() }
}

fn env(valid: &Valid) -> Vec<EnvVar> {
    let pairs = valid.class.runtime.env.iter();
    pairs
        .map(|(name, value)| EnvVar { name: name.clone(), value: Some(value.clone()), value_from: None })
        .collect()
}

/// Accelerators stand in the limits only: extended resources cannot be overcommitted, so the request follows.
fn resources(valid: &Valid) -> Option<ResourceRequirements> {
    let class = &valid.class;
    let mut limits = class.runtime.resources.limits.clone();
    if let Some(accelerator) = &class.accelerator {
        limits.insert(accelerator.resource.name.clone(), Quantity(valid.accelerators.to_string()));
    }
    let requests = class.runtime.resources.requests.clone();
    let any = !limits.is_empty() || !requests.is_empty();
    any.then(|| ResourceRequirements {
        limits: (!limits.is_empty()).then_some(limits),
        requests: (!requests.is_empty()).then_some(requests),
        claims: None,
    })
}

fn mounts(valid: &Valid) -> Vec<VolumeMount> {
    let scratch = valid.class.runtime.scratch.iter().enumerate();
    let scratch = scratch.map(|(index, path)| mount(&volumes::scratch(index), path));
    let shared = valid.class.runtime.shared_memory.iter().map(|_| mount(volumes::SHARED_MEMORY, "/dev/shm"));
    [model_file::models(valid)].into_iter().chain(scratch).chain(shared).collect()
}
