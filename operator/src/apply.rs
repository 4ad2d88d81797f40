//! Writes what it is given, in one order, with one field manager; it chooses nothing.
//!
//! A child that is as planned already is not written. A child that belongs to someone else is not taken over. Nothing is
//! deleted but what the plan names, and only if it is still what the plan saw.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Service},
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use plan::{Deletion, Reason, Refusal, Resources, Valid, drift, names};

use crate::{
    context::Context,
    error::Error,
    metrics::{Kind, Verb},
    refusal::{self, Owner},
    stores::{self, Child},
    trim,
};

/// What the API server holds after applying, and what it did not take.
#[derive(Default)]
pub struct Applied {
    /// `<name>-model`.
    pub deployment: Option<Deployment>,
    /// `<name>`.
    pub service: Option<Service>,
    /// Children that were refused for a reason that the user can change.
    pub refusals: Vec<Refusal>,
}

/// Applies a plan.
///
/// # Errors
/// The API server fails, or refuses for a reason that no user can change.
pub async fn apply(ctx: &Context, valid: &Valid, planned: Resources) -> Result<Applied, Error> {
    // Every field is named, so that a new kind of child stops the build here.
    let Resources {
        service_account,
        sidecar_config,
        policy,
        network_policy,
        service,
        service_elsewhere,
        peers,
        budget,
        model,
        deletions,
    } = planned;

    let mut writer = Writer { ctx, offload: valid, refusals: Vec::new() };
    writer.one(service_account).await?;
    writer.one(sidecar_config).await?;
    writer.one(policy).await?;
    writer.one(network_policy).await?;
    // Pods run as the first, mount the next two and hide behind the last: never without them, nor with somebody else's.
    let founded = writer.refusals.is_empty();
    let service = writer.service(service, service_elsewhere).await?;
    writer.one(peers).await?;
    writer.one(budget).await?;
    let deployment = if founded { writer.deployment(model).await? } else { None };
    // A refused Deployment goes on using the configuration that it has.
    if deployment.is_some() {
        for deletion in deletions {
            writer.delete(deletion).await?;
        }
    }
    Ok(Applied { deployment, service, refusals: writer.refusals })
}

struct Writer<'a> {
    ctx: &'a Context,
    offload: &'a Valid,
    refusals: Vec<Refusal>,
}

impl Writer<'_> {
    /// On its port; where that is somebody else's and the plan has another Service for this case, as that one.
    async fn service(
        &mut self,
        planned: Service,
        elsewhere: Option<Service>,
    ) -> Result<Option<Service>, Error> {
        let before = self.refusals.len();
        let applied = self.one(planned).await?;
        let is_taken = self.refusals[before..].iter().any(|refusal| refusal.reason == Reason::PortConflict);
        match elsewhere {
            Some(elsewhere) if is_taken => {
                self.refusals.truncate(before);
                self.one(elsewhere).await
            }
            _ => Ok(applied),
        }
    }

    async fn deployment(&mut self, planned: Deployment) -> Result<Option<Deployment>, Error> {
        let mounted = refusal::image_volumes(&planned);
        let applied = self.one(planned).await?;
        if applied.as_ref().is_some_and(|applied| refusal::image_volumes(applied) < mounted) {
            self.refusals.push(refusal::no_image_volumes());
        }
        Ok(applied)
    }

    /// The child as the API server has it after this; `None` when it was refused.
    async fn one<K: Child>(&mut self, planned: K) -> Result<Option<K>, Error> {
        let name = planned.name_any();
        let api = Api::<K>::namespaced(self.ctx.client.clone(), &self.offload.namespace);
        if let Some(live) = self.live(&api, &name).await? {
            match refusal::owner(&live, self.offload) {
                Owner::This if stands(&live, &planned) => return Ok(Some(live)),
                Owner::This => {}
                Owner::EarlierOffload => return Err(Error::Leaving { kind: K::KIND, name }),
                Owner::SomeoneElse(owner) => {
                    self.refusals.push(refusal::not_ours(K::KIND, &name, &owner));
                    return Ok(None);
                }
            }
        }
        let params = PatchParams::apply(names::FIELD_MANAGER).force();
        match api.patch(&name, &params, &Patch::Apply(&planned)).await {
            Ok(mut written) => {
                self.ctx.metrics.wrote(K::KIND, Verb::Apply);
                trim::managed_fields(&mut written);
                Ok(Some(written))
            }
            Err(source) => match refusal::of(K::KIND, &name, &source) {
                Some(refusal) => {
                    self.refusals.push(refusal);
                    Ok(None)
                }
                None => Err(Error::Apply { kind: K::KIND, name, source }),
            },
        }
    }

    /// From the cache; what is not there is asked for, since the cache holds only what carries our label.
    async fn live<K: Child>(&self, api: &Api<K>, name: &str) -> Result<Option<K>, Error> {
        let key = stores::key::<K>(&self.offload.namespace, name);
        if let Some(cached) = K::store(&self.ctx.stores.children).get(&key) {
            return Ok(Some(cached.as_ref().clone()));
        }
        let found = api.get_opt(name).await;
        found.map_err(|source| Error::Read { kind: K::KIND, name: name.to_owned(), source })
    }

    async fn delete(&self, deletion: Deletion) -> Result<(), Error> {
        let Deletion { name, uid, resource_version } = deletion;
        let seen = Preconditions { uid: Some(uid), resource_version: Some(resource_version) };
        let api = Api::<ConfigMap>::namespaced(self.ctx.client.clone(), &self.offload.namespace);
        match api.delete(&name, &DeleteParams::default().preconditions(seen)).await {
            Ok(_) => self.ctx.metrics.wrote(Kind::ConfigMap, Verb::Delete),
            // Gone, or no longer what the plan saw: the next plan knows more.
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
            Err(source) => return Err(Error::Delete { kind: Kind::ConfigMap, name, source }),
        }
        Ok(())
    }
}

fn stands<K: Child>(live: &K, planned: &K) -> bool {
    let [live, planned] = [live, planned]
        .map(|child| serde_json::to_value(child).expect("a Kubernetes object is a tree of plain values"));
    drift::covers(&live, &planned)
}
