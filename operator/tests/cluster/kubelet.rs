//! What a node does, as far as the API server and the operator can tell: takes pods, says that they are ready, keeps its
//! own heartbeat, removes pods that leave, answers handshakes on the node port, and tells at the pods' address what they are.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Node, Pod, PodSpec};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::watch,
    task::{AbortHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

const END: &str = "content-length: 0\r\nconnection: close\r\n\r\n";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\n";
/// Of a sidecar.
const ADMIN_PORT: u16 = 9090;
const TURN: Duration = Duration::from_millis(100);

/// A node at 127.0.0.1; gone with its owner.
pub struct Kubelet {
    /// Its name.
    pub node: String,
    report: watch::Sender<Report>,
    /// Median and 95th percentile of the time in the model server, in microseconds.
    measured: watch::Sender<Option<[u64; 2]>>,
    _tasks: JoinSet<()>,
}

/// What it says of its node and of every pod there.
#[derive(Clone)]
struct Report {
    node_ready: &'static str,
    /// Status of each pod; that it serves where nothing else is said.
    pods: Option<Value>,
}

impl Kubelet {
    /// A node that takes every pod of a namespace and reports it ready, until it is told to say something else.
    pub async fn start(client: &Client, namespace: &str) -> Self {
        let node = format!("node-of-{namespace}");
        let object: Node = serde_json::from_value(json!({
            "metadata": {"name": node, "labels": {"topology.kubernetes.io/zone": "site-a"}},
        }))
        .unwrap();
        let nodes = Api::<Node>::all(client.clone());
        nodes.create(&PostParams::default(), &object).await.unwrap();
        let well = Report { node_ready: "True", pods: None };
        beat(&nodes, &node, &well).await;
        let (report, reported) = watch::channel(well);
        let mut tasks = JoinSet::new();
        let pods_address = own_address(&node);
        tasks.spawn(run(client.clone(), namespace.to_owned(), node.clone(), pods_address, reported));
        let measured = watch::channel(None).0;
        let admin = TcpListener::bind((pods_address, ADMIN_PORT)).await.unwrap();
        tasks.spawn(tell(admin, node.clone(), measured.subscribe()));
        Self { node, report, measured, _tasks: tasks }
    }

    /// From now on every pod has this status.
    pub fn say(&self, pods: Value) {
        self.report.send_replace(Report { node_ready: "True", pods: Some(pods) });
    }

    /// From now on the node is not ready, and no pod on it.
    pub fn fail(&self) {
        self.report.send_replace(Report { node_ready: "False", pods: Some(not_ready(json!({}))) });
    }

    /// From now on the node and every pod are well.
    pub fn recover(&self) {
        self.report.send_replace(Report { node_ready: "True", pods: None });
    }

    /// From now on the endpoint says that it measured these times.
    pub fn measure(&self, times: [u64; 2]) {
        self.measured.send_replace(Some(times));
    }

    /// Answers handshakes for a model as `endpoint`, until the handle is used or the node is gone.
    pub async fn answer(&mut self, port: i32, endpoint: &str, model: &str) -> AbortHandle {
        let listener = listen(port).await;
        let (endpoint, model) = (endpoint.to_owned(), model.to_owned());
        self._tasks.spawn(serve(listener, move |path| {
            let head = if path == format!("/v2/models/{model}/ready") { OK } else { NOT_FOUND };
            format!("{head}longshore-endpoint: {endpoint}\r\n{END}")
        }))
    }

    /// Asks for credentials as `endpoint`, inside TLS, with a certificate for an address.
    pub async fn demand(&mut self, port: i32, endpoint: &str, address: &str) -> AbortHandle {
        let listener = listen(port).await;
        let acceptor = acceptor(address);
        let head = format!(
            "HTTP/1.1 401 Unauthorized\r\nlongshore-endpoint: {endpoint}\r\nlongshore-outcome: unauthenticated\r\n{END}"
        );
        self._tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    refuse(stream, &head).await;
                }
            }
        })
    }
}

/// Of all pods of a node: 127.0.0.0/8 has room for each.
fn own_address(node: &str) -> Ipv4Addr {
    let mut hasher = DefaultHasher::new();
    node.hash(&mut hasher);
    let [a, b, c, ..] = hasher.finish().to_be_bytes();
    Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254))
}

/// Says at the admin address of its pods who they are and what they measured.
async fn tell(listener: TcpListener, node: String, measured: watch::Receiver<Option<[u64; 2]>>) {
    let answer = move |path: &str| {
        if path != "/v1alpha1/endpoint" {
            return format!("{NOT_FOUND}{END}");
        }
        let times =
            measured.borrow().map(|[p50, p95]| json!({"p50Microseconds": p50, "p95Microseconds": p95}));
        let body = json!({"endpointId": node, "url": "", "zone": "", "model": {"name": "person"},
            "maxConcurrency": 4, "serviceTimes": times})
        .to_string();
        format!("{OK}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    serve(listener, answer).await;
}

/// Answers to paths.
async fn serve(listener: TcpListener, answer: impl Fn(&str) -> String) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut lines = BufReader::new(&mut stream).lines();
        let request = lines.next_line().await.ok().flatten().unwrap_or_default();
        while lines.next_line().await.is_ok_and(|line| line.is_some_and(|line| !line.is_empty())) {}
        let answer = answer(request.split(' ').nth(1).unwrap_or_default());
        // The other side may have left.
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

async fn listen(port: i32) -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap())).await.unwrap()
}

/// With a certificate that its own key signed.
fn acceptor(address: &str) -> TlsAcceptor {
    let own = rcgen::generate_simple_self_signed([address.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str) {
    let mut lines = BufReader::new(&mut stream).lines();
    while lines.next_line().await.is_ok_and(|line| line.is_some_and(|line| !line.is_empty())) {}
    // The other side may have left.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Status of a pod that does not serve, with some fields of its own.
pub fn not_ready(more: Value) -> Value {
    let mut status = json!({
        "phase": "Pending",
        "conditions": [{"type": "ContainersReady", "status": "False"}, {"type": "Ready", "status": "False"}],
        "containerStatuses": [],
        "initContainerStatuses": [],
    });
    status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    status
}

async fn run(
    client: Client,
    namespace: String,
    node: String,
    pods_address: Ipv4Addr,
    reported: watch::Receiver<Report>,
) {
    let nodes = Api::<Node>::all(client.clone());
    let pods = Api::<Pod>::namespaced(client, &namespace);
    loop {
        let report = reported.borrow().clone();
        beat(&nodes, &node, &report).await;
        for pod in pods.list(&Default::default()).await.map(|list| list.items).unwrap_or_default() {
            turn(&pods, (&node, pods_address), &pod, &report).await;
        }
        tokio::time::sleep(TURN).await;
    }
}

/// Without it the node controller takes the node for lost.
async fn beat(nodes: &Api<Node>, node: &str, report: &Report) {
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "conditions": [{"type": "Ready", "status": report.node_ready, "reason": "KubeletReport",
            "lastHeartbeatTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()}],
    }});
    let _ = nodes.patch_status(node, &PatchParams::default(), &Patch::Strategic(status)).await;
}

/// The next step of one pod. What fails is tried again in the next turn.
async fn turn(pods: &Api<Pod>, (node, address): (&str, Ipv4Addr), pod: &Pod, report: &Report) {
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
    } else {
        // A status that is there already is no write.
        let status = json!({"status": report.pods.clone().unwrap_or_else(|| ready(spec, address))});
        let _ = pods.patch_status(&name, &PatchParams::default(), &Patch::Strategic(status)).await;
    }
}

fn ready(spec: &PodSpec, address: Ipv4Addr) -> Value {
    let running = |container: &Container| {
        json!({"name": container.name, "image": container.image, "imageID": "", "ready": true, "started": true,
            "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}})
    };
    let conditions = ["Initialized", "ContainersReady", "Ready", "PodScheduled"];
    json!({
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": conditions.map(|kind| json!({"type": kind, "status": "True"})),
        "containerStatuses": spec.containers.iter().map(running).collect::<Vec<_>>(),
        "initContainerStatuses": spec.init_containers.iter().flatten().map(running).collect::<Vec<_>>(),
    })
}
