//! What an offload owns: made, kept, left alone, taken along.

use std::collections::BTreeSet;

use crds::InferenceOffload;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        autoscaling::v1::Scale,
        core::v1::{ConfigMap, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
    },
};
use kube::{
    Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{
    fixtures::{Site, node_port},
    server::{self, eventually},
};

/// Kinds and numbers of the children of one offload.
const CHILDREN: [(&str, usize); 6] = [
    ("ConfigMap", 2),
    ("Deployment", 1),
    ("NetworkPolicy", 1),
    ("PodDisruptionBudget", 1),
    ("Service", 2),
    ("ServiceAccount", 1),
];

/// Waits until every child of so many offloads is there, and no other.
async fn complete(site: &Site, offloads: usize) {
    eventually("every child exists once", async || {
        let names: Vec<String> = site.children().await.into_iter().map(|(name, ..)| name).collect();
        let count = |kind: &str| names.iter().filter(|name| name.split('/').next() == Some(kind)).count();
        CHILDREN.iter().all(|(kind, each)| count(kind) == each * offloads).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_offload_gets_every_child_and_owns_it() {
    let site = Site::new().await;
    site.create("person", json!({})).await;
    complete(&site, 1).await;

    let offload: InferenceOffload = site.child("person").await;
    let deployment: Deployment = site.child("person-model").await;
    let service: Service = site.child("person").await;
    for meta in [&deployment.metadata, &service.metadata] {
        let owner = &meta.owner_references.as_ref().unwrap()[0];
        assert_eq!((owner.uid.as_str(), owner.controller), (offload.uid().unwrap().as_str(), Some(true)));
        let managers: BTreeSet<_> =
            meta.managed_fields.iter().flatten().filter_map(|it| it.manager.as_deref()).collect();
        assert!(managers.contains("longshore-operator"), "{managers:?}");
    }
    site.condition("person", "Accepted", "True", None).await;
}

#[tokio::test]
async fn a_deleted_child_comes_back_and_the_service_with_its_port() {
    let site = Site::new().await;
    site.create("person", json!({})).await;
    complete(&site, 1).await;
    let port = node_port(&site.child::<Service>("person").await);
    eventually("the port is recorded", async || {
        site.get::<InferenceOffload>("person").await?.status?.node_port.filter(|recorded| *recorded == port)
    })
    .await;

    let config = site.children().await.into_iter().find(|(name, ..)| name.contains("-sidecar-")).unwrap().0;
    comes_back::<ConfigMap>(&site, config.split('/').nth(1).unwrap()).await;
    comes_back::<ConfigMap>(&site, "person-policy").await;
    comes_back::<ServiceAccount>(&site, "person-model").await;
    comes_back::<Service>(&site, "person-peers").await;
    comes_back::<PodDisruptionBudget>(&site, "person").await;
    comes_back::<NetworkPolicy>(&site, "person").await;
    comes_back::<Deployment>(&site, "person-model").await;
    comes_back::<Service>(&site, "person").await;
    assert_eq!(node_port(&site.child::<Service>("person").await), port);
}

async fn comes_back<K>(site: &Site, name: &str)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let old = site.child::<K>(name).await.uid();
    site.api::<K>().delete(name, &DeleteParams::background()).await.unwrap();
    eventually(format!("{} {name} comes back", K::kind(&())), async || {
        site.get::<K>(name).await.filter(|new| new.uid() != old)
    })
    .await;
}

#[tokio::test]
async fn a_changed_child_is_put_right() {
    let site = Site::new().await;
    site.create("person", json!({})).await;
    complete(&site, 1).await;
    let patch =
        Patch::Merge(json!({"spec": {"ports": null, "selector": {"longshore.dev/offload": "other"}}}));
    site.api::<Service>().patch("person-peers", &PatchParams::default(), &patch).await.unwrap();
    eventually("the selector is as planned", async || {
        let selector = site.get::<Service>("person-peers").await?.spec?.selector?;
        (selector.get("longshore.dev/offload")? == "person").then_some(())
    })
    .await;
}

#[tokio::test]
async fn with_nothing_to_change_nothing_is_written() {
    let site = Site::without_class(server::shared().await, &["--resync-seconds", "1"]).await;
    site.create_class(&site.class).await;
    site.create("person", json!({})).await;
    complete(&site, 1).await;
    let writes = async || site.operator.counter("longshore_operator_api_writes_total", "").await;
    let versions = async || {
        let offload = site.child::<InferenceOffload>("person").await.resource_version().unwrap();
        (offload, site.children().await, writes().await)
    };
    // What changes around the first looks, such as the Deployment's own status, has to settle.
    let settled = eventually("three looks in a row write nothing", async || {
        let before = versions().await;
        site.looks(3.0).await;
        (versions().await == before).then_some(before)
    })
    .await;

    site.looks(10.0).await;
    assert_eq!(versions().await, settled);
}

#[tokio::test]
async fn kubectl_scale_changes_the_replicas() {
    let site = Site::new().await;
    site.create("person", json!({})).await;
    complete(&site, 1).await;
    let offloads = site.api::<InferenceOffload>();
    offloads
        .patch_scale("person", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 3}})))
        .await
        .unwrap();
    eventually("the Deployment has three replicas", async || {
        (site.get::<Deployment>("person-model").await?.spec?.replicas? == 3).then_some(())
    })
    .await;
    eventually("the scale tells how many there are", async || {
        let scale: Scale = serde_json::from_value(json!(offloads.get_scale("person").await.ok()?)).ok()?;
        let selector = scale.status.as_ref()?.selector.clone()?;
        (scale.status?.replicas == 3 && selector == "longshore.dev/offload=person").then_some(())
    })
    .await;
}

#[tokio::test]
async fn deleting_an_offload_leaves_nothing() {
    let site = Site::new().await;
    site.create("person", json!({})).await;
    complete(&site, 1).await;
    site.api::<InferenceOffload>().delete("person", &DeleteParams::background()).await.unwrap();
    eventually("nothing is left", async || site.children().await.is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_child_of_someone_else_is_not_taken_over() {
    let site = Site::new().await;
    let foreign: Service = serde_json::from_value(json!({
        "metadata": {"name": "person"},
        "spec": {"ports": [{"port": 80}], "selector": {"app": "other"}},
    }))
    .unwrap();
    let before = site.api().create(&PostParams::default(), &foreign).await.unwrap();
    site.create("person", json!({})).await;

    let said = async || {
        let status = site.get::<InferenceOffload>("person").await?.status?;
        status.conditions.into_iter().find(|it| it.status == "False" && it.message.contains("Service person"))
    };
    eventually("a condition names the Service", said).await;
    assert_eq!(site.child::<Service>("person").await.resource_version(), before.resource_version());

    site.api::<Service>().delete("person", &DeleteParams::default()).await.unwrap();
    complete(&site, 1).await;
}

#[tokio::test]
async fn no_pod_runs_as_an_account_of_someone_else() {
    let site = Site::new().await;
    let foreign: ServiceAccount =
        serde_json::from_value(json!({"metadata": {"name": "person-model"}})).unwrap();
    site.api().create(&PostParams::default(), &foreign).await.unwrap();
    site.create("person", json!({})).await;
    let message = site.condition("person", "Accepted", "False", Some("InvalidSpec")).await;
    assert!(message.contains("ServiceAccount person-model exists and belongs to no offload"), "{message}");
    assert!(site.get::<Deployment>("person-model").await.is_none());

    site.api::<ServiceAccount>().delete("person-model", &DeleteParams::default()).await.unwrap();
    complete(&site, 1).await;
}

#[tokio::test]
async fn two_offloads_whose_children_want_one_name_say_so() {
    let site = Site::new().await;
    for (first, second, service) in
        [("person", "person-peers", "person-peers"), ("face-peers", "face", "face-peers")]
    {
        site.create(first, json!({})).await;
        site.condition(first, "Accepted", "True", None).await;
        site.create(second, json!({})).await;
        let message = site.condition(second, "Accepted", "False", Some("InvalidSpec")).await;
        let in_the_way = format!("Service {service} exists and belongs to InferenceOffload {first};");
        assert!(message.contains(&in_the_way), "{message}");
        site.api::<InferenceOffload>().delete(first, &DeleteParams::background()).await.unwrap();
        site.condition(second, "Accepted", "True", None).await;
    }
}

#[tokio::test]
async fn two_long_names_that_begin_alike_stay_apart() {
    let site = Site::new().await;
    let names = ["a".repeat(62) + "b", "a".repeat(62) + "c"];
    for name in &names {
        site.create(name, json!({})).await;
    }
    complete(&site, 2).await;
    for name in &names {
        site.condition(name, "Accepted", "True", None).await;
    }
}

#[tokio::test]
async fn a_sidecar_configuration_that_nothing_uses_is_deleted() {
    let site = Site::new().await;
    site.create("person", json!({"replicas": 0})).await;
    complete(&site, 1).await;
    let config = async || {
        let mut found = site.children().await.into_iter().map(|(name, ..)| name);
        found.find(|name| name.contains("-sidecar-")).unwrap()
    };
    let old = config().await;
    site.change("person", json!({"admission": {"maxConcurrency": 7}})).await;
    eventually("another configuration is there", async || (config().await != old).then_some(())).await;
    complete(&site, 1).await;
}
