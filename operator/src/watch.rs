//! From the changes of every watched kind to the offloads that they concern.
//!
//! A watch that fails begins again, ever more slowly; a watch that had to list again wakes every offload, because
//! deletions may have been missed meanwhile.

use std::{collections::HashMap, fmt::Debug};

use crds::{InferenceOffload, OffloadClass};
use futures::{StreamExt as _, stream, stream::BoxStream};
use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt as _,
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher::{self, Event, watcher},
    },
};
use plan::names;
use serde::de::DeserializeOwned;

use crate::trim;

/// Offloads to look at.
pub type Triggers = BoxStream<'static, Result<ObjectRef<InferenceOffload>, watcher::Error>>;

/// A silently dropped connection is noticed after this time and five seconds, in seconds.
const WATCH_SECONDS: u32 = 120;

/// Where to watch, and the offloads to wake.
pub struct Scope {
    client: Client,
    namespace: Option<String>,
    /// What we look after.
    pub offloads: Store<InferenceOffload>,
}

impl Scope {
    /// Begins to watch the offloads themselves.
    pub fn new(client: &Client, namespace: Option<&str>) -> (Self, Triggers) {
        let (offloads, writer) = reflector::store();
        let scope = Self { client: client.clone(), namespace: namespace.map(Into::into), offloads };
        let source = Source {
            api: scope.api(),
            config: config(),
            trim: trim::managed_fields,
            print: Some(trim::wish),
        };
        let triggers = wake(source, writer, scope.offloads.clone(), |offload, _| vec![offload.into()]);
        (scope, triggers)
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }
}

/// One kind to watch.
pub struct Source<K> {
    api: Api<K>,
    config: watcher::Config,
    /// Takes away what nobody reads before it is cached.
    trim: fn(&mut K),
    /// What must differ for a change to wake anyone. `None`: every change does.
    print: Option<fn(&K) -> u64>,
}

fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

/// A kind whose objects carry our label.
pub fn labelled<K>(scope: &Scope) -> Source<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    let ours = format!("{}={}", names::MANAGED_BY_LABEL, names::MANAGED_BY);
    Source { api: scope.api(), config: config().labels(&ours), trim: trim::managed_fields, print: None }
}

/// A kind without namespaces.
pub fn cluster<K: Resource<DynamicType = ()>>(scope: &Scope) -> Source<K> {
    Source { api: Api::all(scope.client.clone()), config: config(), trim: trim::managed_fields, print: None }
}

/// The nodes: a heartbeat wakes nobody.
pub fn nodes(scope: &Scope) -> Source<Node> {
    Source { trim: trim::node, print: Some(trim::content), ..cluster(scope) }
}

/// Offloads to wake when an object changes.
type Wakes<K> = fn(&K, &Store<InferenceOffload>) -> Vec<ObjectRef<InferenceOffload>>;

/// Caches a kind and adds its triggers to the others.
pub fn keep<K>(scope: &Scope, source: Source<K>, triggers: &mut Vec<Triggers>, wakes: Wakes<K>) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    triggers.push(wake(source, writer, scope.offloads.clone(), wakes));
    store
}

fn wake<K>(
    source: Source<K>,
    writer: Writer<K>,
    offloads: Store<InferenceOffload>,
    wakes: Wakes<K>,
) -> Triggers
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let Source { api, config, trim, print } = source;
    let mut prints = Prints { print, seen: HashMap::new() };
    watcher(api, config)
        .default_backoff()
        .modify(trim)
        .reflect(writer)
        .flat_map(move |event| {
            let woken = match event {
                Err(error) => vec![Err(error)],
                Ok(Event::Init | Event::InitApply(_)) => Vec::new(),
                Ok(Event::InitDone) => all(&offloads).into_iter().map(Ok).collect(),
                Ok(Event::Apply(object)) if !prints.differs(&object) => Vec::new(),
                Ok(Event::Apply(object)) => wakes(&object, &offloads).into_iter().map(Ok).collect(),
                Ok(Event::Delete(object)) => {
                    prints.forget(&object);
                    wakes(&object, &offloads).into_iter().map(Ok).collect()
                }
            };
            stream::iter(woken)
        })
        .boxed()
}

/// Fingerprints of the objects of a kind whose unimportant changes are many.
struct Prints<K: Resource<DynamicType = ()>> {
    print: Option<fn(&K) -> u64>,
    seen: HashMap<ObjectRef<K>, u64>,
}

impl<K: Resource<DynamicType = ()>> Prints<K> {
    fn differs(&mut self, object: &K) -> bool {
        let Some(print) = self.print else { return true };
        let print = print(object);
        self.seen.insert(ObjectRef::from_obj(object), print) != Some(print)
    }

    fn forget(&mut self, object: &K) {
        self.seen.remove(&ObjectRef::from_obj(object));
    }
}

/// Every offload.
pub fn all(offloads: &Store<InferenceOffload>) -> Vec<ObjectRef<InferenceOffload>> {
    offloads.state().iter().map(|offload| ObjectRef::from_obj(offload.as_ref())).collect()
}

/// The offload that a child or a pod names in its label.
pub fn offload_of<K: Resource>(object: &K) -> Vec<ObjectRef<InferenceOffload>> {
    let name = object.labels().get(names::OFFLOAD_LABEL);
    let found = name.zip(object.namespace()).map(|(name, namespace)| ObjectRef::new(name).within(&namespace));
    found.into_iter().collect()
}

/// The offloads that use a class, or would.
pub fn of_class(
    class: &OffloadClass,
    offloads: &Store<InferenceOffload>,
) -> Vec<ObjectRef<InferenceOffload>> {
    let name = class.name_any();
    let concerned =
        |offload: &InferenceOffload| offload.spec.class_name.as_ref().is_none_or(|used| *used == name);
    offloads.state_filter(concerned).iter().map(|offload| ObjectRef::from_obj(offload.as_ref())).collect()
}

/// The offloads of a namespace.
pub fn in_namespace(
    namespace: &PartialObjectMeta<Namespace>,
    offloads: &Store<InferenceOffload>,
) -> Vec<ObjectRef<InferenceOffload>> {
    let inside = |offload: &InferenceOffload| offload.metadata.namespace == namespace.metadata.name;
    offloads.state_filter(inside).iter().map(|offload| ObjectRef::from_obj(offload.as_ref())).collect()
}
