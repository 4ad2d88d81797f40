//! From a pod that is ready to an offload that is.

use crds::InferenceOffload;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use serde_json::{Value, json};

use crate::{
    fixtures::{Site, class, node_port},
    kubelet::{self, Kubelet},
    server::{self, eventually},
};

#[tokio::test]
async fn ready_means_that_the_node_that_was_meant_answers() {
    let site = Site::new().await;
    let mut kubelet = Kubelet::start(&site.client, &site.namespace).await;
    site.create("person", json!({})).await;
    let port = node_port(&site.child::<Service>("person").await);
    // Pods are ready, and nobody listens.
    site.condition("person", "ReplicasAvailable", "True", None).await;
    site.condition("person", "EndpointReachable", "False", None).await;
    site.condition("person", "Ready", "False", None).await;

    let wrong = kubelet.answer(port, "another-node", "person").await;
    eventually("the other node is named", async || {
        let status = site.get::<InferenceOffload>("person").await?.status?;
        let reachable = status.conditions.into_iter().find(|it| it.type_ == "EndpointReachable")?;
        (reachable.status == "False" && reachable.message.contains("another-node")).then_some(())
    })
    .await;
    wrong.abort();

    let node = kubelet.node.clone();
    eventually("the port is free again", async || {
        std::net::TcpListener::bind(("127.0.0.1", u16::try_from(port).unwrap())).ok().map(drop)
    })
    .await;
    kubelet.answer(port, &node, "person").await;
    site.condition("person", "Ready", "True", None).await;
    let status = site.child::<InferenceOffload>("person").await.status.unwrap();
    assert_eq!(status.endpoints.len(), 1);
    assert_eq!(status.endpoints[0].node, node);
    assert_eq!(status.endpoints[0].url, format!("http://127.0.0.1:{port}"));
    assert_eq!(status.endpoints[0].zone, "site-a");
    assert_eq!((status.ready_replicas, status.ready_summary.as_str()), (1, "1/1"));
}

#[tokio::test]
async fn what_an_endpoint_measured_is_told_to_devices_and_seldom_written() {
    let site = Site::without_class(server::shared().await, &["--resync-seconds", "1"]).await;
    site.create_class(&site.class).await;
    let mut kubelet = Kubelet::start(&site.client, &site.namespace).await;
    site.create("person", json!({})).await;
    let port = node_port(&site.child::<Service>("person").await);
    let node = kubelet.node.clone();
    kubelet.answer(port, &node, "person").await;
    site.condition("person", "Ready", "True", None).await;
    let offload = async || site.child::<InferenceOffload>("person").await;
    assert!(offload().await.status.unwrap().capacity.is_empty(), "nothing was measured");

    kubelet.measure([9_100, 15_800]);
    let capacity = eventually("the status has a row", async || {
        site.get::<InferenceOffload>("person").await?.status?.capacity.pop()
    })
    .await;
    assert_eq!((capacity.node.as_str(), capacity.concurrency), (node.as_str(), 4));
    let times = (capacity.service_time_p50_microseconds, capacity.service_time_p95_microseconds);
    assert_eq!(times, (9_100, 15_800));
    eventually("devices are told", async || {
        let policy = site.get::<ConfigMap>("person-policy").await?;
        let table: Value = serde_json::from_str(&policy.data?["nodes.json"]).ok()?;
        (table["nodes"][0]["serviceTimes"]["p95Microseconds"] == 15_800).then_some(())
    })
    .await;

    let (before, children) = (offload().await.metadata.resource_version, site.children().await);
    kubelet.measure([91_000, 158_000]);
    site.looks(3.0).await;
    assert_eq!(offload().await.metadata.resource_version, before, "ten minutes are not over");
    assert_eq!(site.children().await, children);
}

#[tokio::test]
async fn a_spec_that_turns_invalid_still_reports_what_serves() {
    let site = Site::without_class(server::shared().await, &["--resync-seconds", "1"]).await;
    site.create_class(&site.class).await;
    let mut kubelet = Kubelet::start(&site.client, &site.namespace).await;
    site.create("person", json!({})).await;
    let port = node_port(&site.child::<Service>("person").await);
    let node = kubelet.node.clone();
    kubelet.answer(port, &node, "person").await;
    site.condition("person", "Ready", "True", None).await;

    site.change("person", json!({"replicas": 300, "model": {"name": "face"}})).await;
    site.condition("person", "Accepted", "False", None).await;
    site.condition("person", "Ready", "False", None).await;
    // The second look has only the status of the first to tell what serves.
    site.looks(3.0).await;
    site.condition("person", "EndpointReachable", "True", None).await;
    let status = site.child::<InferenceOffload>("person").await.status.unwrap();
    assert_eq!(status.endpoints.len(), 1);
    assert_eq!(status.model.unwrap().name, "person");
}

#[tokio::test]
async fn what_the_kubelet_says_becomes_a_condition_and_passes() {
    let site = Site::new().await;
    let kubelet = Kubelet::start(&site.client, &site.namespace).await;
    let digest = format!("sha256:{}", "1".repeat(64));
    site.create("person", json!({"model": {"digest": digest}})).await;
    site.condition("person", "RuntimeReady", "True", None).await;

    let ended = |code: i32, reason: &str, message: &str| json!({"terminated": {"exitCode": code, "reason": reason, "message": message}});
    let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    let unpulled = json!({"waiting": {"reason": "ErrImagePull", "message": "not found"}});
    for (container, state, condition, reason, part) in [
        ("runtime", unpulled, "RuntimeReady", "ImagePullFailed", "spec.runtime.image"),
        ("verify", ended(1, "Error", "DigestMismatch: other"), "ModelCached", "DigestMismatch", "other"),
        ("verify", ended(1, "Error", ""), "ModelCached", "ModelDownloadFailed", "spec.model.source"),
        ("runtime", ended(1, "Error", "cut short"), "RuntimeReady", "ModelLoadFailed", "cut short"),
        ("runtime", ended(137, "OOMKilled", ""), "RuntimeReady", "OutOfMemory", "limit 1024Mi"),
        ("runtime", running, "RuntimeReady", "ProtocolMismatch", "port 8000"),
    ] {
        kubelet.say(with_container(container, &state));
        let message = site.condition("person", condition, "False", Some(reason)).await;
        assert!(message.contains(part), "{message}");
    }
    kubelet.recover();
    site.condition("person", "RuntimeReady", "True", None).await;
    kubelet.fail();
    let message = site.condition("person", "ReplicasAvailable", "False", Some("NodeNotReady")).await;
    assert!(message.contains(&kubelet.node), "{message}");
    kubelet.recover();
    site.condition("person", "ReplicasAvailable", "True", None).await;
    site.change("person", json!({"suspend": true})).await;
    site.condition("person", "Ready", "False", Some("Suspended")).await;
}

/// Status of a pod that does not serve, because of this container.
fn with_container(name: &str, state: &Value) -> Value {
    let container = json!({"name": name, "image": "image", "imageID": "", "ready": false, "restartCount": 0,
        "state": state});
    let list = if name == "runtime" { "containerStatuses" } else { "initContainerStatuses" };
    kubelet::not_ready(json!({list: [container]}))
}

#[tokio::test]
async fn an_endpoint_that_asks_for_credentials_is_reached_when_it_says_so() {
    let site = Site::without_class(server::shared().await, &["--resync-seconds", "1"]).await;
    let mut with_tls = class(&site.class);
    with_tls["spec"]["endpoint"]["auth"] = "MutualTls".into();
    with_tls["spec"]["endpoint"]["tls"] =
        json!({"secretName": "site-tls", "clientCaConfigMapName": "device-ca", "minimumVersion": "1.2"});
    with_tls["spec"]["endpoint"]["quota"] =
        json!({"inFlightPerDevice": 4, "serverMillisecondsPerSecond": 250});
    site.create_class_of(with_tls).await;
    let mut kubelet = Kubelet::start(&site.client, &site.namespace).await;
    site.create("person", json!({})).await;
    let port = node_port(&site.child::<Service>("person").await);
    let node = kubelet.node.clone();

    let foreign = kubelet.demand(port, &node, "192.0.2.1").await;
    eventually("the certificate of another address is told", async || {
        let status = site.get::<InferenceOffload>("person").await?.status?;
        let reachable = status.conditions.into_iter().find(|it| it.type_ == "EndpointReachable")?;
        (reachable.status == "False" && reachable.message.contains("certificate")).then_some(())
    })
    .await;
    foreign.abort();

    eventually("the port is free again", async || {
        std::net::TcpListener::bind(("127.0.0.1", u16::try_from(port).unwrap())).ok().map(drop)
    })
    .await;
    kubelet.demand(port, &node, "127.0.0.1").await;
    site.condition("person", "Ready", "True", None).await;
    let status = site.child::<InferenceOffload>("person").await.status.unwrap();
    assert_eq!(status.endpoints[0].url, format!("https://127.0.0.1:{port}"));
    // What it can do, its pod tells inside the cluster.
    kubelet.measure([9_100, 15_800]);
    let capacity = eventually("the status has a row", async || {
        site.get::<InferenceOffload>("person").await?.status?.capacity.pop()
    })
    .await;
    assert_eq!((capacity.node, capacity.service_time_p95_microseconds), (node, 15_800));
}
