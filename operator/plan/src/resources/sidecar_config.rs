//! The sidecar's configuration, in an immutable `ConfigMap` with a name made of its content: an old pod never reads a
//! new one.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use wire::config::{Advertise, Drain, Limits, LoadHeader, Model, Peers, SidecarConfig, Upstream};

use super::{canonical, credentials, meta, paths};
use crate::{Valid, names};

/// `<name>-sidecar-<hash>`.
pub fn config_map(valid: &Valid) -> ConfigMap {
    // JSON is YAML.
    let content = canonical::json(&config(valid));
    ConfigMap {
        metadata: meta::child(valid, names::sidecar_config(&valid.name, content.as_bytes())),
        immutable: Some(true),
        data: Some(BTreeMap::from([(paths::CONFIG_KEY.into(), content)])),
        binary_data: None,
    }
}

fn config(valid: &Valid) -> SidecarConfig {
    SidecarConfig {
        listen: format!("0.0.0.0:{}", paths::ENDPOINT_PORT),
        admin: format!("$(POD_IP):{}", paths::ADMIN_PORT),
        drain_socket: paths::DRAIN_SOCKET.into(),
        upstream: upstream(valid),
        model: Model {
            name: valid.model.name.clone(),
            version: Some(valid.model.version.clone()),
            digest: valid.model.digest.clone(),
            labels: valid.model.labels.clone(),
        },
        admission: valid.admission.clone(),
        limits: Limits::default(),
        tls: credentials::tls(&valid.class.endpoint),
        auth: credentials::auth(&valid.class.endpoint),
        quota: credentials::quota(&valid.class.endpoint),
        advertise: Advertise {
            nodes_file: Some(format!("{}/{}", paths::POLICY_FOLDER, paths::NODES_KEY)),
            ..Advertise::default()
        },
        peers: Peers { dns: Some(peers(valid)), addresses: Vec::new() },
        load_header: LoadHeader::OnRequest,
        drain: Drain {
            quiet_milliseconds: milliseconds(paths::QUIET),
            deadline_milliseconds: milliseconds(paths::drain_deadline(valid)),
        },
        relay_model_errors: false,
        policy_file: Some(format!("{}/{}", paths::POLICY_FOLDER, paths::POLICY_KEY)),
        trace_collector: None,
    }
}

/// The headless Service, as pods look it up.
fn peers(valid: &Valid) -> String {
    format!("{}.{}.svc:{}", names::peers(&valid.name), valid.namespace, paths::ENDPOINT_PORT)
}

fn upstream(valid: &Valid) -> Upstream {
    let ports = &valid.class.runtime.upstream;
    let of = |port: Option<i32>| port.map(|port| format!("http://127.0.0.1:{port}"));
    Upstream { http: of(ports.http), grpc: of(ports.grpc) }
}

fn milliseconds(time: std::time::Duration) -> u64 {
    time.as_secs() * 1_000
}
