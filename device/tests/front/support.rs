//! Scripted endpoints on port 0, a small model that runs here, and folders for one test.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use longshore_device::{Datatype, LocalModel, Metadata, Tensor, TensorSpec};
use serde_json::json;
use wire::bundle::{BundleModel, DataClass, Deadlines, Fallback, Mode, OffloadPolicy};
use wire::{Digest, LoadReport, Node, Outcome, PolicyBundle, Problem};

pub const MODEL: &str = "gauge";

/// How an endpoint treats inferences. Its own questions (identity, policy, load, metadata) it answers but for two.
#[derive(Clone, Copy)]
pub enum Script {
    Good,
    Silent,
    Slow(Duration),
    Refusing(Outcome),
    Dropping,
    /// As a captive portal answers.
    Foreign,
    /// Serves, and is silent when asked for its policy.
    Secretive,
    /// A model server without a sidecar.
    Bare,
}

pub struct Endpoint {
    pub name: &'static str,
    pub url: String,
    script: Arc<Mutex<Script>>,
    pub bundle: Arc<Mutex<PolicyBundle>>,
    pub connections: Arc<AtomicUsize>,
    pub inferences: Arc<AtomicUsize>,
    /// Questions whether the model is ready.
    pub readiness: Arc<AtomicUsize>,
}

impl Endpoint {
    pub fn start(name: &'static str, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Self {
            name,
            url: format!("http://{}", listener.local_addr().unwrap()),
            script: Arc::new(Mutex::new(script)),
            bundle: Arc::new(Mutex::new(bundle())),
            connections: Arc::default(),
            inferences: Arc::default(),
            readiness: Arc::default(),
        };
        let (script, bundle) = (endpoint.script.clone(), endpoint.bundle.clone());
        let (connections, inferences) = (endpoint.connections.clone(), endpoint.inferences.clone());
        let readiness = endpoint.readiness.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (script, bundle) = (script.clone(), bundle.clone());
                let (inferences, readiness) = (inferences.clone(), readiness.clone());
                thread::spawn(move || {
                    serve(stream.unwrap(), name, &script, &bundle, &inferences, &readiness)
                });
            }
        });
        endpoint
    }

    /// From now on it is another one.
    pub fn turn(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    pub fn node(&self) -> Node {
        Node { name: self.name.into(), url: self.url.clone(), zone: String::new() }
    }

    pub fn with_policy(self, change: impl FnOnce(&mut OffloadPolicy)) -> Self {
        change(&mut self.bundle.lock().unwrap().policy);
        self
    }
}

pub fn offload_only(policy: &mut OffloadPolicy) {
    policy.mode = Mode::OffloadOnly;
}

fn bundle() -> PolicyBundle {
    PolicyBundle {
        revision: "1-a".into(),
        offload_uid: "first".into(),
        model: BundleModel {
            name: MODEL.into(),
            version: None,
            digest: None,
            size_bytes: None,
            labels: vec!["calm".into(), "shaking".into()],
        },
        policy: OffloadPolicy {
            fallback: Fallback::Local,
            data_class: DataClass::Internal,
            ..OffloadPolicy::default()
        },
        deadlines: Deadlines { default_milliseconds: 200, max_milliseconds: 60_000 },
        max_payload_bytes: 1 << 20,
        endpoints: Vec::new(),
        service_times: None,
    }
}

fn serve(
    stream: TcpStream,
    name: &str,
    script: &Mutex<Script>,
    bundle: &Mutex<PolicyBundle>,
    inferences: &AtomicUsize,
    readiness: &AtomicUsize,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(target) = request(&mut reader) {
        let script = *script.lock().unwrap();
        if target == "GET /v2/models/gauge/ready" {
            readiness.fetch_add(1, Ordering::SeqCst);
        }
        let answer = match target.as_str() {
            "GET /v2/models/gauge" => plain(&metadata_json()),
            "GET /v2/models/gauge/ready" if is_ready(script) => plain(""),
            target if target.contains("/v1alpha1/") && matches!(script, Script::Bare) => not_found(),
            "GET /v1alpha1/policy" if matches!(script, Script::Secretive) => silence(),
            "GET /v1alpha1/endpoint" => identity(name),
            "GET /v1alpha1/load" => load(script),
            "GET /v1alpha1/policy" => plain(&serde_json::to_string(&*bundle.lock().unwrap()).unwrap()),
            "POST /v2/models/gauge/infer" => {
                inferences.fetch_add(1, Ordering::SeqCst);
                match script {
                    Script::Good | Script::Secretive => served(name),
                    Script::Bare => computed(""),
                    Script::Slow(after) => {
                        thread::sleep(after);
                        served(name)
                    }
                    Script::Silent => silence(),
                    Script::Refusing(outcome) => refused(name, outcome),
                    Script::Foreign => not_found(),
                    Script::Dropping => return,
                }
            }
            _ => not_found(),
        };
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

fn is_ready(script: Script) -> bool {
    !matches!(script, Script::Dropping | Script::Refusing(Outcome::ModelNotReady))
}

fn silence() -> ! {
    loop {
        thread::park();
    }
}

fn not_found() -> Vec<u8> {
    b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()
}

/// Reads one request; its method and path.
fn request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let (key, value) = line.split_once(':')?;
        if key.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    Some(first.split(' ').take(2).collect::<Vec<_>>().join(" "))
}

fn plain(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn identity(name: &str) -> Vec<u8> {
    let model = json!({"name": MODEL});
    plain(
        &json!({"endpointId": name, "url": "", "zone": "", "model": model, "maxConcurrency": 4}).to_string(),
    )
}

/// A good endpoint is a busy one, so that the choice falls on the others first.
fn load(script: Script) -> Vec<u8> {
    let mut report = LoadReport::default();
    report.named_metrics.estimated_wait_ms = if matches!(script, Script::Good) { 30.0 } else { 0.0 };
    plain(&serde_json::to_string(&report).unwrap())
}

fn metadata_json() -> String {
    let tensor = |name: &str, width: u32| json!({"name": name, "datatype": "FP32", "shape": [1, width]});
    json!({"name": MODEL, "inputs": [tensor("window", 4)], "outputs": [tensor("probabilities", 2)]})
        .to_string()
}

fn served(name: &str) -> Vec<u8> {
    let digest = Digest::from_sha256(&[7; 32]);
    computed(&format!(
        "longshore-outcome: served\r\nlongshore-endpoint: {name}\r\nlongshore-model-digest: {digest}\r\n\
         longshore-service-us: 900\r\nlongshore-queue-us: 0\r\n"
    ))
}

/// The model's answer, with a sidecar's headers or none.
fn computed(headers: &str) -> Vec<u8> {
    let output = json!({"name": "probabilities", "datatype": "FP32", "shape": [1, 2],
        "parameters": {"binary_data_size": 8}});
    let head = json!({"model_name": MODEL, "outputs": [output]}).to_string();
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\n{headers}inference-header-content-length: {}\r\ncontent-length: {}\r\n\r\n{head}",
        head.len(),
        head.len() + 8
    )
    .into_bytes();
    answer.extend([0.125_f32, 0.875].iter().flat_map(|value| value.to_le_bytes()));
    answer
}

fn refused(name: &str, outcome: Outcome) -> Vec<u8> {
    let row = outcome.row();
    let body = Problem::new(outcome, 5).to_json();
    format!(
        "HTTP/1.1 {} refused\r\nlongshore-outcome: {}\r\nlongshore-advice: {}\r\nlongshore-endpoint: {name}\r\n\
         content-length: {}\r\n\r\n{body}",
        row.status.unwrap_or(422),
        row.word,
        row.advice,
        body.len()
    )
    .into_bytes()
}

/// A URL where nothing listens.
pub fn dead_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A model with a fixed answer.
pub struct Gauge(Metadata);

impl Gauge {
    pub fn new() -> Arc<Self> {
        let spec = |name: &str, width| TensorSpec {
            name: name.into(),
            datatype: Datatype::Fp32,
            shape: vec![1, width],
        };
        Arc::new(Self(Metadata { inputs: vec![spec("window", 4)], outputs: vec![spec("probabilities", 2)] }))
    }
}

impl LocalModel for Gauge {
    fn metadata(&self) -> &Metadata {
        &self.0
    }

    fn digest(&self) -> &str {
        "sha256:here"
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        assert_eq!(inputs.len(), 1);
        Ok(vec![Tensor::from_f32("probabilities", &[1, 2], &[0.75, 0.25])])
    }
}

/// An empty folder of its own for one test.
pub fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).unwrap();
    folder
}
