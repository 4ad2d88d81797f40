//! Default classes: created at start where they are absent, so that an owner's changes stay.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use crds::OffloadClass;
use kube::{Api, Resource as _, ResourceExt as _, api::PostParams};
use plan::{drift, names};
use serde_json::Value;

use crate::{
    context::Context,
    error,
    metrics::{Kind, Verb},
    retry::jittered,
};

/// After the first failure in a row.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// After any number of failures.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// Reads a stream of YAML documents.
///
/// # Errors
/// A document is not an `OffloadClass` with a name, or says more than one can.
pub fn parse(text: &str) -> anyhow::Result<Vec<OffloadClass>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).context("not YAML")?;
    documents.into_iter().map(class).collect()
}

fn class(document: Value) -> anyhow::Result<OffloadClass> {
    let name =
        document["metadata"]["name"].as_str().context("metadata.name: each OffloadClass needs a name")?;
    let name = name.to_owned();
    ensure!(document["kind"] == OffloadClass::kind(&()).as_ref(), "kind of {name}: must be OffloadClass");
    let class: OffloadClass =
        serde_json::from_value(document.clone()).with_context(|| format!("OffloadClass {name}"))?;
    // A misspelt field would be dropped in silence, and the API server would never see it.
    let read = serde_json::to_value(&class).context("a class is a tree of plain values")?;
    ensure!(drift::covers(&read, &document), "OffloadClass {name}: it has a field that no OffloadClass has");
    Ok(class)
}

/// Creates every class that is absent, and tries until the API server has answered for each.
pub async fn create_absent(ctx: &Context, classes: &[OffloadClass]) {
    for class in classes {
        let mut wait = RETRY_FIRST;
        while !create(ctx, class).await {
            tokio::time::sleep(jittered(wait)).await;
            wait = wait.saturating_mul(2).min(RETRY_MAX);
        }
    }
}

/// Whether the API server has answered for good.
async fn create(ctx: &Context, class: &OffloadClass) -> bool {
    let name = class.name_any();
    let params = PostParams { field_manager: Some(names::FIELD_MANAGER.into()), ..PostParams::default() };
    match Api::<OffloadClass>::all(ctx.client.clone()).create(&params, class).await {
        Ok(_) => {
            ctx.metrics.wrote(Kind::OffloadClass, Verb::Create);
            tracing::info!(class = name, "created the default class");
            true
        }
        Err(kube::Error::Api(answer)) if answer.is_already_exists() => true,
        Err(kube::Error::Api(answer)) if answer.is_invalid() => {
            tracing::error!(
                class = name,
                error = answer.message,
                "the default class is not valid and is left out"
            );
            true
        }
        Err(error) => {
            tracing::warn!(class = name, error = error::chain(&error), "cannot create the default class yet");
            false
        }
    }
}
