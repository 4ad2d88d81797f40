//! The NetworkPolicy: who may talk to the pods, and whom they may talk to.

use k8s_openapi::{
    api::networking::v1::{
        NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
        NetworkPolicyPort, NetworkPolicySpec,
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::{meta, paths};
use crate::{Valid, inputs::Settings, names, valid::Source, validate::authority};

/// Label that the API server puts on every namespace.
const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";
const DNS_PORT: i32 = 53;
const HTTPS_PORT: i32 = 443;

/// `<name>`: in: devices, and the operator for metrics and capacity; out: DNS, peers and the model host.
pub fn network_policy(valid: &Valid, settings: &Settings) -> NetworkPolicy {
    NetworkPolicy {
        metadata: meta::child(valid, valid.name.clone()),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(matching(names::selector(&valid.name))),
            policy_types: Some(vec!["Ingress".into(), "Egress".into()]),
            ingress: Some(vec![from_anywhere(), from_operator(settings)]),
            egress: Some(egress(valid)),
        }),
    }
}

fn from_anywhere() -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule { from: None, ports: Some(vec![port("TCP", paths::ENDPOINT_PORT)]) }
}

/// Probes need no rule: they come from the pod's own node, which is always let in.
fn from_operator(settings: &Settings) -> NetworkPolicyIngressRule {
    let label = (NAMESPACE_NAME_LABEL.to_owned(), settings.operator_namespace.clone());
    let operator = NetworkPolicyPeer {
        namespace_selector: Some(matching([label].into())),
        ..NetworkPolicyPeer::default()
    };
    NetworkPolicyIngressRule { from: Some(vec![operator]), ports: Some(vec![port("TCP", paths::ADMIN_PORT)]) }
}

fn egress(valid: &Valid) -> Vec<NetworkPolicyEgressRule> {
    let dns = vec![port("UDP", DNS_PORT), port("TCP", DNS_PORT)];
    let peers = NetworkPolicyPeer {
        pod_selector: Some(matching(names::selector(&valid.name))),
        ..NetworkPolicyPeer::default()
    };
    let mut rules = vec![
        NetworkPolicyEgressRule { to: None, ports: Some(dns) },
        NetworkPolicyEgressRule {
            to: Some(vec![peers]),
            ports: Some(vec![port("TCP", paths::ENDPOINT_PORT)]),
        },
    ];
    if let Source::Https { url } = &valid.model.source {
        // A rule cannot name a host, so any address is let through at the model host's port.
        rules.push(NetworkPolicyEgressRule { to: None, ports: Some(vec![port("TCP", https_port(url))]) });
    }
    rules
}

fn https_port(url: &str) -> i32 {
    let named = authority(url).and_then(|host| host.rsplit_once(':')).and_then(|(_, port)| port.parse().ok());
    named.unwrap_or(HTTPS_PORT)
}

fn port(protocol: &str, number: i32) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.into()),
        port: Some(IntOrString::Int(number)),
        ..NetworkPolicyPort::default()
    }
}

fn matching(labels: std::collections::BTreeMap<String, String>) -> LabelSelector {
    LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }
}
