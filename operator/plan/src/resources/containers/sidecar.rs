//! The sidecar, a native one: it starts before the model server and leaves after it.

use k8s_openapi::{
    api::core::v1::{
        Container, ContainerPort, EnvVar, EnvVarSource, ExecAction, HTTPGetAction, Lifecycle,
        LifecycleHandler, ObjectFieldSelector, Probe,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{mount, own, read_only};
use crate::{
    Valid,
    inputs::Settings,
    resources::{credentials, paths, volumes},
};

/// Name of the container.
pub const SIDECAR_NAME: &str = "sidecar";
/// Seconds for the program to start; it waits for nothing.
const STARTUP_SECONDS: i32 = 60;

/// The init container that keeps running.
pub fn container(valid: &Valid, settings: &Settings) -> Container {
    let base = own(settings);
    let downward = [from_pod("NODE_NAME", "spec.nodeName"), from_pod("POD_IP", "status.podIP")];
    let env = downward.into_iter().chain(base.env.clone().into_iter().flatten()).collect();
    let mounts = [
        read_only(volumes::SIDECAR_CONFIG, paths::CONFIG_FOLDER),
        // A folder and no subPath, or changes would never arrive.
        read_only(volumes::POLICY, paths::POLICY_FOLDER),
        mount(volumes::RUN, paths::RUN_FOLDER),
    ];
    let credentials = credentials::mounts(&valid.class.endpoint).into_iter().map(|(_, mount)| mount);
    Container {
        name: SIDECAR_NAME.into(),
        restart_policy: Some("Always".into()),
        command: Some(vec![
            paths::SIDECAR.into(),
            "--config".into(),
            format!("{}/{}", paths::CONFIG_FOLDER, paths::CONFIG_KEY),
        ]),
        env: Some(env),
        ports: Some(vec![port("http", paths::ENDPOINT_PORT), port("admin", paths::ADMIN_PORT)]),
        // Not /readyz: it waits for the model server, which starts only after this probe.
        startup_probe: Some(Probe { failure_threshold: Some(STARTUP_SECONDS), ..probe("/livez") }),
        // Not /readyz: it turns as soon as the pod leaves, and the pod must be sent to until it refuses.
        readiness_probe: Some(Probe { failure_threshold: Some(2), ..probe("/servingz") }),
        lifecycle: Some(drain_first()),
        volume_mounts: Some(mounts.into_iter().chain(credentials).collect()),
        ..base
    }
}

/// The signal comes only after the model server has left, so the drain starts here.
fn drain_first() -> Lifecycle {
    let words = [paths::SIDECAR, "drain", "--socket", paths::DRAIN_SOCKET];
    let exec = ExecAction { command: Some(words.map(String::from).into()) };
    Lifecycle {
        pre_stop: Some(LifecycleHandler { exec: Some(exec), ..LifecycleHandler::default() }),
        ..Lifecycle::default()
    }
}

fn probe(path: &str) -> Probe {
    Probe { http_get: Some(get(path)), period_seconds: Some(1), timeout_seconds: Some(2), ..Probe::default() }
}

/// `GET` at the pod's address.
pub fn get(path: &str) -> HTTPGetAction {
    HTTPGetAction {
        path: Some(path.into()),
        port: IntOrString::Int(paths::ADMIN_PORT),
        ..HTTPGetAction::default()
    }
}

fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.into()),
        container_port: number,
        protocol: Some("TCP".into()),
        ..ContainerPort::default()
    }
}

fn from_pod(variable: &str, field: &str) -> EnvVar {
    let field_ref = ObjectFieldSelector { field_path: field.into(), api_version: None };
    EnvVar {
        name: variable.into(),
        value: None,
        value_from: Some(EnvVarSource { field_ref: Some(field_ref), ..EnvVarSource::default() }),
    }
}
