//! What a node does, as far as the API server and the operator can tell: takes pods, says that they are ready, keeps its
//! own heartbeat, removes pods that leave, and answers handshakes on the node port.

use std::{net::Ipv4Addr, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::{AbortHandle, JoinSet},
};

const TURN: Duration = Duration::from_millis(100);

/// A node at 127.0.0.1; gone with its owner.
pub struct Kubelet {
    /// Its name.
    pub node: String,
    _tasks: JoinSet<()>,
}

impl Kubelet {
    /// A node that takes every pod of a namespace and reports it ready.
    pub async fn start(client: &Client, namespace: &str) -> Self {
        let node = format!("node-of-{namespace}");
        let object: Node = serde_json::from_value(json!({
            "metadata": {"name": node, "labels": {"topology.kubernetes.io/zone": "site-a"}},
        }))
        .unwrap();
        let nodes = Api::<Node>::all(client.clone());
        nodes.create(&PostParams::default(), &object).await.unwrap();
        beat(&nodes, &node).await;
        let mut tasks = JoinSet::new();
        tasks.spawn(run(client.clone(), namespace.to_owned(), node.clone()));
        Self { node, _tasks: tasks }
    }

    /// Answers handshakes as `endpoint`, until the handle is used or the node is gone.
    pub async fn answer(&mut self, port: i32, endpoint: &str) -> AbortHandle {
        let port = u16::try_from(port).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nlongshore-endpoint: {endpoint}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        self._tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut lines = BufReader::new(&mut stream).lines();
                while lines.next_line().await.is_ok_and(|line| line.is_some_and(|line| !line.is_empty())) {}
                // The other side may have left.
                let _ = stream.write_all(head.as_bytes()).await;
            }
        })
    }
}

async fn run(client: Client, namespace: String, node: String) {
    let nodes = Api::<Node>::all(client.clone());
    let pods = Api::<Pod>::namespaced(client, &namespace);
    loop {
        beat(&nodes, &node).await;
        for pod in pods.list(&Default::default()).await.map(|list| list.items).unwrap_or_default() {
            turn(&pods, &node, &pod).await;
        }
        tokio::time::sleep(TURN).await;
    }
}

/// Without it the node controller takes the node for lost.
async fn beat(nodes: &Api<Node>, node: &str) {
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
            "lastHeartbeatTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()}],
    }});
    let _ = nodes.patch_status(node, &PatchParams::default(), &Patch::Strategic(status)).await;
}

/// The next step of one pod. What fails is tried again in the next turn.
async fn turn(pods: &Api<Pod>, node: &str, pod: &Pod) {
    let name = pod.name_any();
    let spec = pod.spec.as_ref().unwrap();
    if pod.metadata.deletion_timestamp.is_some() {
        let _ = pods.delete(&name, &DeleteParams::default().grace_period(0)).await;
    } else if spec.node_name.is_none() {
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        let params = PostParams::default();
        let _ = pods.create_subresource::<_, Value>("binding", &name, &params, &binding).await;
    } else if pod.status.as_ref().and_then(|status| status.phase.as_deref()) != Some("Running") {
        let running = |name: &str, image: &Option<String>| {
            json!({"name": name, "image": image, "imageID": "", "ready": true, "started": true, "restartCount": 0,
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}})
        };
        let conditions = ["Initialized", "ContainersReady", "Ready", "PodScheduled"];
        let conditions: Vec<_> =
            conditions.iter().map(|kind| json!({"type": kind, "status": "True"})).collect();
        let containers: Vec<_> = spec.containers.iter().map(|it| running(&it.name, &it.image)).collect();
        let init: Vec<_> =
            spec.init_containers.iter().flatten().map(|it| running(&it.name, &it.image)).collect();
        let status = json!({"status": {
            "phase": "Running",
            "conditions": conditions,
            "containerStatuses": containers,
            "initContainerStatuses": init,
        }});
        let _ = pods.patch_status(&name, &PatchParams::default(), &Patch::Strategic(status)).await;
    }
}
