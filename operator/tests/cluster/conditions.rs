//! What users can get wrong: each is a condition that names the field, and heals by itself.

use crds::{InferenceOffload, OffloadClass};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Service, events::v1::Event, node::v1::RuntimeClass};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use crate::{
    fixtures::{self, Site, foreign_service, node_port},
    operator::Operator,
    server::{self, Server, eventually},
};

#[tokio::test]
async fn a_class_that_comes_later_heals_the_offload() {
    let site = Site::without_class(server::shared().await, &[]).await;
    site.create("person", json!({})).await;
    let message = site.condition("person", "Accepted", "False", Some("ClassNotFound")).await;
    assert!(message.contains("className") && message.contains(&site.class), "{message}");
    assert!(site.children().await.is_empty());

    site.create_class(&site.class).await;
    site.condition("person", "Accepted", "True", None).await;
    site.child::<Deployment>("person-model").await;
}

#[tokio::test]
async fn an_invalid_change_leaves_the_fleet_untouched() {
    let site = Site::new().await;
    site.create("person", json!({})).await;
    site.condition("person", "Accepted", "True", None).await;
    let before: Deployment = site.child("person-model").await;

    let change = json!({"model": {"source": {"image": {"reference": "elsewhere.example/person:4"}}}});
    site.change("person", change).await;
    let message = site.condition("person", "Accepted", "False", Some("ModelSourceNotAllowed")).await;
    assert!(message.contains("spec.model.source.image"), "{message}");
    site.condition("person", "Ready", "False", None).await;
    let after: Deployment = site.child("person-model").await;
    assert_eq!(after.metadata.generation, before.metadata.generation);
    assert_eq!(after.uid(), before.uid());

    let change = json!({"model": {"source": {"image": {"reference": "models.example/person:4"}}}});
    site.change("person", change).await;
    site.condition("person", "Accepted", "True", None).await;
}

#[tokio::test]
async fn more_replicas_than_the_class_allows_are_refused() {
    let site = Site::new().await;
    site.create("person", json!({"replicas": 300})).await;
    let message = site.condition("person", "Accepted", "False", None).await;
    assert!(message.contains("spec.replicas") && message.contains('8'), "{message}");
    assert!(site.children().await.is_empty());
    site.change("person", json!({"replicas": 2})).await;
    site.condition("person", "Accepted", "True", None).await;
}

#[tokio::test]
async fn a_class_that_is_opened_to_the_namespace_heals_the_offload() {
    let site = Site::without_class(server::shared().await, &[]).await;
    site.create_class(&site.class).await;
    let classes = Api::<OffloadClass>::all(site.client.clone());
    let only =
        json!({"spec": {"allowedNamespaces": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}});
    classes.patch(&site.class, &PatchParams::default(), &Patch::Merge(only)).await.unwrap();
    site.create("person", json!({})).await;
    site.condition("person", "Accepted", "False", Some("ClassNotAllowed")).await;

    let here = json!({"spec": {"allowedNamespaces": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}}}});
    classes.patch(&site.class, &PatchParams::default(), &Patch::Merge(here)).await.unwrap();
    site.condition("person", "Accepted", "True", None).await;
}

#[tokio::test]
async fn a_taken_port_is_named_and_used_once_it_is_free() {
    let site = Site::new().await;
    let port = foreign_service(&site.api(), "other", None).await;
    site.create("person", json!({"endpoint": {"nodePort": port}})).await;
    let said = async || {
        let status = site.get::<InferenceOffload>("person").await?.status?;
        status.conditions.into_iter().find(|it| it.status == "False" && it.reason == "PortConflict")
    };
    let condition = eventually("a condition says PortConflict", said).await;
    assert!(condition.message.contains(&port.to_string()), "{}", condition.message);
    assert!(condition.message.contains("spec.endpoint.nodePort"), "{}", condition.message);

    site.api::<Service>().delete("other", &DeleteParams::default()).await.unwrap();
    let service: Service = site.child("person").await;
    assert_eq!(node_port(&service), port);
    eventually("the condition goes", async || said().await.is_none().then_some(())).await;
}

#[tokio::test]
async fn a_recorded_port_that_another_service_took_is_replaced() {
    let mut site = Site::new().await;
    let (services, offloads) = (site.api::<Service>(), site.api::<InferenceOffload>());
    let is_recorded = async |port: i32| {
        eventually(format!("{port} is recorded"), async || {
            offloads.get("person").await.ok()?.status?.node_port.filter(|recorded| *recorded == port)
        })
        .await
    };
    site.create("person", json!({})).await;
    let port = node_port(&site.child::<Service>("person").await);
    is_recorded(port).await;

    site.operator.kill().await;
    services.delete("person", &DeleteParams::default()).await.unwrap();
    foreign_service(&services, "other", Some(port)).await;
    site.operator = Operator::start(&site.kubeconfig, &site.namespace, &[]).await;
    let other = node_port(&site.child::<Service>("person").await);
    assert_ne!(other, port);
    is_recorded(other).await;
    site.condition("person", "Accepted", "True", None).await;
    assert_eq!(node_port(&site.child::<Service>("person").await), other);
}

#[tokio::test]
async fn a_class_asks_for_a_runtime_class_that_comes_later() {
    let site = Site::without_class(server::shared().await, &[]).await;
    let runtime_class = format!("runtime-of-{}", site.namespace);
    let mut class = fixtures::class(&site.class);
    class["spec"]["runtimeClassName"] = json!(runtime_class);
    let class: OffloadClass = serde_json::from_value(class).unwrap();
    Api::all(site.client.clone()).create(&Default::default(), &class).await.unwrap();
    site.create("person", json!({})).await;
    let message = site.condition("person", "Accepted", "False", Some("RuntimeClassNotFound")).await;
    assert!(message.contains(&runtime_class), "{message}");

    let runtime_class: RuntimeClass =
        serde_json::from_value(json!({"metadata": {"name": runtime_class}, "handler": "runc"})).unwrap();
    Api::all(site.client.clone()).create(&Default::default(), &runtime_class).await.unwrap();
    site.condition("person", "Accepted", "True", None).await;
}

#[tokio::test]
async fn an_event_tells_of_a_transition_once() {
    let site = Site::without_class(server::shared().await, &["--resync-seconds", "1"]).await;
    site.create("person", json!({})).await;
    site.condition("person", "Accepted", "False", Some("ClassNotFound")).await;
    let events = async || {
        let all = site.api::<Event>().list(&Default::default()).await.unwrap().items;
        let about = |event: &Event| event.reason.as_deref() == Some("ClassNotFound");
        all.into_iter().filter(about).collect::<Vec<_>>()
    };
    eventually("an event", async || (!events().await.is_empty()).then_some(())).await;
    site.looks(5.0).await;
    let events = events().await;
    assert!(events.iter().all(|event| event.series.is_none()), "{events:?}");
}

#[tokio::test]
async fn a_cluster_without_image_volumes_is_told_of_the_other_source() {
    let server = Server::start("ImageVolume=false").await;
    let site = Site::without_class(&server, &[]).await;
    site.create_class(&site.class).await;
    site.create("person", json!({})).await;
    let said = async || {
        let status = site.get::<InferenceOffload>("person").await?.status?;
        status.conditions.into_iter().find(|it| it.status == "False" && it.reason == "ModelSourceUnsupported")
    };
    let condition = eventually("a condition says ModelSourceUnsupported", said).await;
    assert!(condition.message.contains("spec.model.source.https"), "{}", condition.message);

    let source = json!({"image": null, "https": {"url": "https://models.example/person.onnx"}});
    let digest = format!("sha256:{}", "0".repeat(64));
    site.change("person", json!({"model": {"source": source, "digest": digest}})).await;
    site.child::<Deployment>("person-model").await;
    eventually("the condition goes", async || said().await.is_none().then_some(())).await;
}

#[tokio::test]
async fn default_classes_are_created_only_where_they_are_absent() {
    let server = server::shared().await;
    let classes = Api::<OffloadClass>::all(server.client().await);
    let mut changed = fixtures::class("present-before");
    changed["spec"]["limits"]["replicas"] = json!(3);
    classes.create(&Default::default(), &serde_json::from_value(changed).unwrap()).await.unwrap();
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("classes-{}.yaml", std::process::id()));
    let documents = ["present-before", "absent-before"].map(|name| fixtures::class(name).to_string());
    std::fs::write(&file, documents.join("\n---\n")).unwrap();

    let _site = Site::without_class(server, &["--default-classes", file.to_str().unwrap()]).await;
    eventually("the absent class is created", async || classes.get_opt("absent-before").await.unwrap()).await;
    assert_eq!(classes.get("present-before").await.unwrap().spec.limits.replicas, 3);
}
