//! What the operator knows of the cluster: caches that watches keep up to date.
//!
//! Every kind of child stands in one list below. A kind that is not in it cannot be applied: the build stops.

use std::fmt::Debug;

use crds::{InferenceOffload, OffloadClass};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        core::v1::{ConfigMap, Namespace, Node, Pod, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
        node::v1::RuntimeClass,
        policy::v1::PodDisruptionBudget,
    },
};
use kube::{
    Client, Resource,
    core::PartialObjectMeta,
    runtime::reflector::{Lookup, ObjectRef, Store},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{error::Error, metrics::Kind, watch, watch::Triggers};

/// A kind that the operator creates, and therefore watches.
pub trait Child:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Its name in metrics and messages.
    const KIND: Kind;

    /// Its cache.
    fn store(children: &Children) -> &Store<Self>;
}

macro_rules! children {
    ($($kind:ident in $field:ident),* $(,)?) => {
        /// The caches of children: everything that carries our label.
        pub struct Children {
            $(pub $field: Store<$kind>,)*
        }

        $(impl Child for $kind {
            const KIND: Kind = Kind::$kind;

            fn store(children: &Children) -> &Store<Self> {
                &children.$field
            }
        })*

        impl Children {
            /// Begins to watch every kind of child; a change wakes the offload that it belongs to.
            fn watch(scope: &watch::Scope, triggers: &mut Vec<Triggers>) -> Self {
                Self {
                    $($field: watch::keep(scope, watch::labelled::<$kind>(scope), triggers, |child, _| {
                        watch::offload_of(child)
                    }),)*
                }
            }

            async fn ready(&self) -> Result<(), Error> {
                $(ready(&self.$field).await?;)*
                Ok(())
            }
        }
    };
}

// Equal to the kinds of `plan::Resources`; `arch.rs` compares.
children! {
    ServiceAccount in service_accounts,
    ConfigMap in config_maps,
    Service in services,
    PodDisruptionBudget in budgets,
    NetworkPolicy in network_policies,
    Deployment in deployments,
}

/// Every cache.
pub struct Stores {
    /// What we look after.
    pub offloads: Store<InferenceOffload>,
    /// Every class.
    pub classes: Store<OffloadClass>,
    /// Every node, without what heartbeats change.
    pub nodes: Store<Node>,
    /// Labels of the namespaces.
    pub namespaces: Store<PartialObjectMeta<Namespace>>,
    /// Names of the RuntimeClasses.
    pub runtime_classes: Store<PartialObjectMeta<RuntimeClass>>,
    /// Pods of offloads.
    pub pods: Store<Pod>,
    /// What we own.
    pub children: Children,
}

impl Stores {
    /// Begins to watch. Nothing happens before someone polls the triggers.
    pub fn watch(client: &Client, namespace: Option<&str>) -> (Self, Vec<Triggers>) {
        let (scope, offload_triggers) = watch::Scope::new(client, namespace);
        let mut triggers = vec![offload_triggers];
        let stores = Self {
            offloads: scope.offloads.clone(),
            classes: watch::keep(&scope, watch::cluster(&scope), &mut triggers, watch::of_class),
            nodes: watch::keep(&scope, watch::nodes(&scope), &mut triggers, |_, offloads| {
                watch::all(offloads)
            }),
            namespaces: watch::keep(&scope, watch::cluster(&scope), &mut triggers, watch::in_namespace),
            runtime_classes: watch::keep(&scope, watch::cluster(&scope), &mut triggers, |_, offloads| {
                watch::all(offloads)
            }),
            pods: watch::keep(&scope, watch::labelled::<Pod>(&scope), &mut triggers, |pod, _| {
                watch::offload_of(pod)
            }),
            children: Children::watch(&scope, &mut triggers),
        };
        (stores, triggers)
    }

    /// Waits until every cache has been filled once. A plan over half a world would take children for lost.
    ///
    /// # Errors
    /// A watch has ended.
    pub async fn ready(&self) -> Result<(), Error> {
        ready(&self.offloads).await?;
        ready(&self.classes).await?;
        ready(&self.nodes).await?;
        ready(&self.namespaces).await?;
        ready(&self.runtime_classes).await?;
        ready(&self.pods).await?;
        self.children.ready().await
    }
}

async fn ready<K>(store: &Store<K>) -> Result<(), Error>
where
    K: Lookup<DynamicType = ()> + Clone + 'static,
{
    store.wait_until_ready().await.map_err(|_| Error::WatchEnded)
}

/// Where an object stands in its cache.
#[must_use]
pub fn key<K: Lookup<DynamicType = ()>>(namespace: &str, name: &str) -> ObjectRef<K> {
    ObjectRef::new(name).within(namespace)
}
