//! Writes the status, and only when it differs from the one that is there.

use crds::{InferenceOffload, offload::InferenceOffloadStatus};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{Patch, PatchParams},
};
use plan::names;
use serde_json::json;

use crate::{
    context::Context,
    error::Error,
    events,
    metrics::{Kind, Verb},
};

/// Publishes a status and the events of its transitions.
///
/// # Errors
/// The API server fails.
pub async fn status(
    ctx: &Context,
    offload: &InferenceOffload,
    status: &InferenceOffloadStatus,
) -> Result<(), Error> {
    let published = offload.status.clone().unwrap_or_default();
    if offload.status.is_some() && published == *status {
        return Ok(());
    }
    let name = offload.name_any();
    let api =
        Api::<InferenceOffload>::namespaced(ctx.client.clone(), &offload.namespace().unwrap_or_default());
    let body = json!({
        "apiVersion": InferenceOffload::api_version(&()),
        "kind": InferenceOffload::kind(&()),
        // A later offload of this name must not get this status.
        "metadata": {"name": name, "uid": offload.metadata.uid},
        "status": status,
    });
    let params = PatchParams::apply(names::FIELD_MANAGER).force();
    match api.patch_status(&name, &params, &Patch::Apply(body)).await {
        Ok(_) => {
            ctx.metrics.wrote(Kind::InferenceOffload, Verb::Apply);
            events::transitions(ctx, offload, &published, status).await;
            Ok(())
        }
        // Deleted meanwhile, or another one of the same name.
        Err(kube::Error::Api(answer)) if answer.is_not_found() || answer.is_conflict() => Ok(()),
        Err(source) => Err(Error::Publish(source)),
    }
}
