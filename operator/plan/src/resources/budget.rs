//! The PodDisruptionBudget: a drained node never waits for ever, not even for the only replica.

use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::meta;
use crate::{Valid, names};

/// `<name>`: one replica at a time; a broken pod may always go.
pub fn budget(valid: &Valid) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: meta::child(valid, valid.name.clone()),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector {
                match_labels: Some(names::selector(&valid.name)),
                ..LabelSelector::default()
            }),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".into()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    }
}
