//! The ServiceAccount: pods run as it, and it can do nothing.

use k8s_openapi::api::core::v1::{LocalObjectReference, ServiceAccount};

use super::meta;
use crate::{Valid, names};

/// `<name>-model`, with the class's pull secrets and without a token.
pub fn service_account(valid: &Valid) -> ServiceAccount {
    let secrets = &valid.class.runtime.image_pull_secrets;
    let references = secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect();
    ServiceAccount {
        metadata: meta::child(valid, names::model(&valid.name)),
        automount_service_account_token: Some(false),
        image_pull_secrets: (!secrets.is_empty()).then_some(references),
        secrets: None,
    }
}
