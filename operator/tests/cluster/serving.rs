//! From a pod that is ready to an offload that is.

use crds::InferenceOffload;
use k8s_openapi::api::core::v1::Service;
use serde_json::json;

use crate::{
    fixtures::{Site, node_port},
    kubelet::Kubelet,
    server::eventually,
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

    let wrong = kubelet.answer(port, "another-node").await;
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
    kubelet.answer(port, &node).await;
    site.condition("person", "Ready", "True", None).await;
    let status = site.child::<InferenceOffload>("person").await.status.unwrap();
    assert_eq!(status.endpoints.len(), 1);
    assert_eq!(status.endpoints[0].node, node);
    assert_eq!(status.endpoints[0].url, format!("http://127.0.0.1:{port}"));
    assert_eq!(status.endpoints[0].zone, "site-a");
    assert_eq!((status.ready_replicas, status.ready_summary.as_str()), (1, "1/1"));
}

#[tokio::test]
async fn a_spec_that_turns_invalid_still_reports_what_serves() {
    let site = Site::new().await;
    let mut kubelet = Kubelet::start(&site.client, &site.namespace).await;
    site.create("person", json!({})).await;
    let port = node_port(&site.child::<Service>("person").await);
    let node = kubelet.node.clone();
    kubelet.answer(port, &node).await;
    site.condition("person", "Ready", "True", None).await;

    site.change("person", json!({"replicas": 300})).await;
    site.condition("person", "Accepted", "False", None).await;
    site.condition("person", "Ready", "False", None).await;
    site.condition("person", "EndpointReachable", "True", None).await;
    let status = site.child::<InferenceOffload>("person").await.status.unwrap();
    assert_eq!(status.endpoints.len(), 1);
}
