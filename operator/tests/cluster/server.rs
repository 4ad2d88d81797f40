//! One API server for all tests of this program, ended with it; a namespace for each test.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::OnceCell,
};

/// Longest wait for anything.
const WAIT_MAX: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);

/// A running API server. It ends when its standard input does, so at the latest with this process.
pub struct Server {
    pub kubeconfig: PathBuf,
    _input: ChildStdin,
    _process: Child,
}

static SHARED: OnceCell<Server> = OnceCell::const_new();
static NAMESPACES: AtomicU32 = AtomicU32::new(0);

/// The API server that tests share.
pub async fn shared() -> &'static Server {
    SHARED.get_or_init(|| Server::start("ImageVolume=true")).await
}

impl Server {
    /// Starts one with the definitions installed.
    pub async fn start(feature_gates: &str) -> Self {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let word = feature_gates.replace('=', "-");
        let directory =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{word}-{}", std::process::id()));
        let mut process = Command::new(format!("{root}/e2e/cluster/apiserver.sh"))
            .arg("run")
            .arg(&directory)
            .env("FEATURE_GATES", feature_gates)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("e2e/cluster/apiserver.sh starts");
        let input = process.stdin.take().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        loop {
            let line = lines.next_line().await.unwrap();
            match line.expect("apiserver.sh says ready; the programs come from e2e/cluster/tools.sh").as_str()
            {
                "ready" => break,
                other => println!("{other}"),
            }
        }
        let server = Self { kubeconfig: directory.join("kubeconfig"), _input: input, _process: process };
        install(&server.client().await).await;
        server
    }

    /// A client for the calling test. Clients live no longer than the runtime that made them.
    pub async fn client(&self) -> Client {
        let file = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }
}

async fn install(client: &Client) {
    let api = Api::<CustomResourceDefinition>::all(client.clone());
    for definition in crds::manifest::definitions() {
        let name = definition.name_any();
        api.patch(&name, &PatchParams::apply("test"), &Patch::Apply(&definition)).await.unwrap();
        eventually("the definition is established", async || {
            let status = api.get(&name).await.ok()?.status?;
            status.conditions?.iter().find(|it| it.type_ == "Established" && it.status == "True").map(|_| ())
        })
        .await;
    }
}

/// A fresh namespace; its name is unique in this process.
pub async fn namespace(client: &Client) -> String {
    let name = format!("test-{}", NAMESPACES.fetch_add(1, Ordering::Relaxed));
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    Api::all(client.clone()).create(&Default::default(), &namespace).await.unwrap();
    name
}

/// Waits until `look` finds something.
#[track_caller]
pub fn eventually<T>(
    what: impl Into<String>,
    look: impl AsyncFnMut() -> Option<T>,
) -> impl Future<Output = T> {
    let what = format!("{} ({})", what.into(), std::panic::Location::caller());
    poll(what, look)
}

async fn poll<T>(what: String, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let until_found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    match tokio::time::timeout(WAIT_MAX, until_found).await {
        Ok(found) => found,
        Err(_) => panic!("not within {} s: {what}", WAIT_MAX.as_secs()),
    }
}
