//! An ordinary class and an ordinary offload, and a cluster with an operator in it.

use std::path::PathBuf;

use crds::{InferenceOffload, OffloadClass};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        core::v1::{ConfigMap, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    operator::Operator,
    server::{self, Server, eventually},
};

/// A namespace of its own, with an operator that looks after it and a class.
pub struct Site {
    pub client: Client,
    pub namespace: String,
    pub operator: Operator,
    /// Name of the class.
    pub class: String,
    pub kubeconfig: PathBuf,
}

impl Site {
    /// With a class, on the shared API server.
    pub async fn new() -> Self {
        let site = Self::without_class(server::shared().await, &[]).await;
        site.create_class(&site.class).await;
        site
    }

    /// Without a class.
    pub async fn without_class(server: &Server, more: &[&str]) -> Self {
        let client = server.client().await;
        let namespace = server::namespace(&client).await;
        let operator = Operator::start(&server.kubeconfig, &namespace, more).await;
        let class = format!("class-of-{namespace}");
        Self { client, namespace, operator, class, kubeconfig: server.kubeconfig.clone() }
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub async fn create_class(&self, name: &str) {
        self.create_class_of(class(name)).await;
    }

    pub async fn create_class_of(&self, object: Value) {
        let class: OffloadClass = serde_json::from_value(object).unwrap();
        Api::all(self.client.clone()).create(&PostParams::default(), &class).await.unwrap();
    }

    /// Creates an ordinary offload with some fields of its spec changed.
    pub async fn create(&self, name: &str, spec: Value) {
        let mut whole = json!({
            "className": self.class,
            "model": {"source": {"image": {"reference": "models.example/person:3", "path": "person"}}},
        });
        merge(&mut whole, &spec);
        let offload: InferenceOffload =
            serde_json::from_value(json!({"metadata": {"name": name}, "spec": whole})).unwrap();
        self.api().create(&PostParams::default(), &offload).await.unwrap();
    }

    /// Changes fields of the spec of an offload.
    pub async fn change(&self, name: &str, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.api::<InferenceOffload>().patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub async fn get<K>(&self, name: &str) -> Option<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        self.api::<K>().get_opt(name).await.unwrap()
    }

    /// Waits for a child.
    pub async fn child<K>(&self, name: &str) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        eventually(format!("{name} exists"), async || self.get::<K>(name).await).await
    }

    /// Waits until a condition of the present generation has this status and reason; gives its message.
    #[track_caller]
    pub fn condition(
        &self,
        offload: &str,
        kind: &str,
        status: &str,
        reason: Option<&str>,
    ) -> impl Future<Output = String> {
        let wanted = format!("{offload}: {kind} is {status} {reason:?}");
        let api = self.api::<InferenceOffload>();
        let (offload, kind, status) = (offload.to_owned(), kind.to_owned(), status.to_owned());
        let reason = reason.map(str::to_owned);
        eventually(wanted, async move || {
            let found = api.get(&offload).await.ok()?;
            let generation = found.metadata.generation;
            let state = found.status?;
            let fits = |condition: &&Condition| {
                condition.type_ == kind
                    && condition.status == status
                    && condition.observed_generation == generation
                    && reason.as_ref().is_none_or(|reason| condition.reason == *reason)
            };
            state.conditions.iter().find(fits).map(|condition| condition.message.clone())
        })
    }

    /// Waits until the operator has looked so many more times.
    pub async fn looks(&self, more: f64) {
        let looks = async || self.operator.counter("longshore_operator_reconciles_total", "ok").await;
        let before = looks().await;
        eventually(format!("{more} more looks"), async || (looks().await >= before + more).then_some(()))
            .await;
    }

    /// Every child of every offload: kind/name, uid and resourceVersion, in order.
    pub async fn children(&self) -> Vec<(String, String, String)> {
        let mut all = Vec::new();
        all.extend(self.list::<ServiceAccount>().await);
        all.extend(self.list::<ConfigMap>().await);
        all.extend(self.list::<Service>().await);
        all.extend(self.list::<PodDisruptionBudget>().await);
        all.extend(self.list::<NetworkPolicy>().await);
        all.extend(self.list::<Deployment>().await);
        all.sort();
        all
    }

    async fn list<K>(&self) -> Vec<(String, String, String)>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let ours = ListParams::default().labels("app.kubernetes.io/managed-by=longshore");
        let found = self.api::<K>().list(&ours).await.unwrap();
        let row = |it: K| {
            (format!("{}/{}", K::kind(&()), it.name_any()), it.uid().unwrap(), it.resource_version().unwrap())
        };
        found.items.into_iter().map(row).collect()
    }
}

/// A class that takes both sources.
pub fn class(name: &str) -> Value {
    json!({
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "OffloadClass",
        "metadata": {"name": name},
        "spec": {
            "limits": {"replicas": 8},
            "runtime": {
                "image": "runtime.example/runtime:1",
                "upstream": {"http": 8000},
                "modelFormats": ["onnx"],
                "resources": {"requests": {"cpu": "0.5"}, "limits": {"memory": "1024Mi"}},
            },
            "models": {
                "allowedSources": ["Image", "Https"],
                "allowedImagePrefixes": ["models.example/"],
                "allowedHosts": ["models.example"],
                "digest": "Optional",
            },
            "endpoint": {"auth": "None", "nodePortRange": {"first": 30000, "last": 32767}},
        },
    })
}

/// A Service of someone else that holds a node port: this one, or any.
pub async fn foreign_service(services: &Api<Service>, name: &str, port: Option<i32>) -> i32 {
    let service = Service::deserialize(json!({
        "metadata": {"name": name},
        "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": port}], "selector": {"app": "other"}},
    }))
    .unwrap();
    let made = services.create(&PostParams::default(), &service).await.unwrap();
    node_port(&made)
}

/// The node port of a Service.
pub fn node_port(service: &Service) -> i32 {
    service.spec.as_ref().unwrap().ports.as_ref().unwrap()[0].node_port.unwrap()
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}
