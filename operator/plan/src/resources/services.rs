//! The Services: the address that devices dial, and the name under which sidecars find each other.

use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{meta, paths};
use crate::{Valid, names};

/// `<name>`: a node's address leads only to that node's pods.
pub fn service(valid: &Valid) -> Service {
    on_port(valid, valid.node_port)
}

/// `<name>` on any free port, where the spec does not insist on the one that is asked for.
pub fn elsewhere(valid: &Valid) -> Option<Service> {
    let may_move = valid.node_port.is_some() && !valid.node_port_pinned;
    may_move.then(|| on_port(valid, None))
}

fn on_port(valid: &Valid, node_port: Option<u16>) -> Service {
    Service {
        metadata: meta::child(valid, valid.name.clone()),
        spec: Some(ServiceSpec {
            type_: Some("NodePort".into()),
            external_traffic_policy: Some("Local".into()),
            selector: Some(names::selector(&valid.name)),
            // Where it is left out the API server chooses.
            ports: Some(vec![port(node_port.map(i32::from))]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// `<name>-peers`: every pod, ready or not: a sidecar that starts finds the others.
pub fn peers(valid: &Valid) -> Service {
    Service {
        metadata: meta::child(valid, names::peers(&valid.name)),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".into()),
            cluster_ip: Some("None".into()),
            publish_not_ready_addresses: Some(true),
            selector: Some(names::selector(&valid.name)),
            ports: Some(vec![port(None)]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

fn port(node_port: Option<i32>) -> ServicePort {
    ServicePort {
        name: Some("http".into()),
        protocol: Some("TCP".into()),
        port: paths::ENDPOINT_PORT,
        target_port: Some(IntOrString::Int(paths::ENDPOINT_PORT)),
        node_port,
        app_protocol: None,
    }
}
