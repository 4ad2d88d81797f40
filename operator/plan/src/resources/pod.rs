//! The pod: init containers, sidecar and model server under the restricted pod security level.

use k8s_openapi::{
    api::core::v1::{PodSecurityContext, PodSpec, SeccompProfile, Toleration, TopologySpreadConstraint},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

use super::{containers, paths, volumes};
use crate::{Valid, inputs::Settings, names};

/// Taints of a node that does not report. The pods there stay, since they keep serving their devices.
const CUT_OFF_TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// Everything inside the template.
pub fn spec(valid: &Valid, settings: &Settings, sidecar_config: &str) -> PodSpec {
    let placement = &valid.class.placement;
    PodSpec {
        service_account_name: Some(names::model(&valid.name)),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        runtime_class_name: valid.class.runtime_class_name.clone(),
        node_selector: (!placement.node_selector.is_empty()).then(|| placement.node_selector.clone()),
        tolerations: Some(tolerations(valid)),
        topology_spread_constraints: Some(vec![spread(valid)]),
        security_context: Some(security(valid)),
        init_containers: Some(containers::init(valid, settings)),
        containers: vec![containers::runtime(valid)],
        volumes: Some(volumes::volumes(valid, sidecar_config)),
        termination_grace_period_seconds: Some(paths::grace_seconds(valid)),
        ..PodSpec::default()
    }
}

/// The class's, then those that keep pods on nodes that are cut off.
fn tolerations(valid: &Valid) -> Vec<Toleration> {
    let placement = &valid.class.placement;
    let stay = CUT_OFF_TAINTS.map(|taint| Toleration {
        key: Some(taint.into()),
        operator: Some("Exists".into()),
        effect: Some("NoExecute".into()),
        toleration_seconds: Some(placement.not_ready_toleration_seconds),
        value: None,
    });
    placement.tolerations.iter().cloned().chain(stay).collect()
}

/// Over nodes, within one generation: pods of the generation before do not push the new ones off their nodes.
fn spread(valid: &Valid) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: "kubernetes.io/hostname".into(),
        when_unsatisfiable: "ScheduleAnyway".into(),
        label_selector: Some(LabelSelector {
            match_labels: Some(names::selector(&valid.name)),
            ..LabelSelector::default()
        }),
        match_label_keys: Some(vec!["pod-template-hash".into()]),
        ..TopologySpreadConstraint::default()
    }
}

fn security(valid: &Valid) -> PodSecurityContext {
    let user = Some(valid.class.runtime.run_as_user);
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: user,
        run_as_group: user,
        fs_group: user,
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), localhost_profile: None }),
        ..PodSecurityContext::default()
    }
}
