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
use rustls::pki_types::CertificateDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use wire::bundle::{BundleModel, DataClass, Deadlines, Fallback, Mode, OffloadPolicy};
use wire::routes::{Credits, Route, Routes};
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
    /// Good, with a model that takes pictures.
    Seeing,
    /// As a captive portal answers.
    Foreign,
    /// Serves, and is silent when asked for its policy.
    Secretive,
    /// A model server without a sidecar.
    Bare,
    /// Says that it is ready and idle, and breaks each inference off at once.
    Hasty,
}

#[derive(Clone)]
pub struct Endpoint {
    pub name: &'static str,
    pub url: String,
    script: Arc<Mutex<Script>>,
    door: Door,
    pub bundle: Arc<Mutex<PolicyBundle>>,
    /// Its answer to questions for routes; without one it does not know such questions.
    pub routes: Arc<Mutex<Option<Routes>>>,
    /// What was asked, in order: method and path, and the body of a question for routes.
    pub asked: Arc<Mutex<Vec<(String, Value)>>>,
    pub connections: Arc<AtomicUsize>,
    pub inferences: Arc<AtomicUsize>,
    /// Questions whether the model is ready.
    pub readiness: Arc<AtomicUsize>,
    /// Requests that brought a token.
    pub tokens: Arc<AtomicUsize>,
    /// The certificate behind the last inference.
    pub shown: Arc<Mutex<Option<CertificateDer<'static>>>>,
}

/// Who gets in.
#[derive(Clone, Default)]
pub struct Door {
    /// None: in the clear.
    pub tls: Option<Arc<ServerConfig>>,
    /// Only who showed a certificate.
    pub certificate: bool,
    /// Only who brings this token.
    pub token: Option<Arc<Mutex<&'static str>>>,
}

impl Endpoint {
    pub fn start(name: &'static str, script: Script) -> Self {
        Self::behind(Door::default(), name, script)
    }

    pub fn behind(door: Door, name: &'static str, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if door.tls.is_some() { "https" } else { "http" };
        let endpoint = Self {
            name,
            url: format!("{scheme}://{}", listener.local_addr().unwrap()),
            script: Arc::new(Mutex::new(script)),
            door,
            bundle: Arc::new(Mutex::new(bundle())),
            routes: Arc::default(),
            asked: Arc::default(),
            connections: Arc::default(),
            inferences: Arc::default(),
            readiness: Arc::default(),
            tokens: Arc::default(),
            shown: Arc::default(),
        };
        let each = endpoint.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                each.connections.fetch_add(1, Ordering::SeqCst);
                let each = each.clone();
                thread::spawn(move || each.open(stream.unwrap()));
            }
        });
        endpoint
    }

    /// From now on it is another one.
    pub fn turn(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    pub fn node(&self) -> Node {
        Node { name: self.name.into(), url: self.url.clone(), zone: String::new(), service_times: None }
    }

    pub fn with_policy(self, change: impl FnOnce(&mut OffloadPolicy)) -> Self {
        change(&mut self.bundle.lock().unwrap().policy);
        self
    }
}

/// Routes to these endpoints in this order, good for a minute, with so many requests in it.
pub fn routes(to: &[(&str, &str)], credits: u32) -> Routes {
    let route = |(name, url): &(&str, &str)| Route {
        endpoint_id: (*name).into(),
        url: (*url).into(),
        edge_cloud_zone: String::new(),
        estimated_wait_milliseconds: 0.0,
        service_time_p50_milliseconds: 1.0,
        service_time_p95_milliseconds: 1.0,
        load_age_milliseconds: Some(100),
        model_digest: None,
    };
    Routes {
        application_endpoints: to.iter().map(route).collect(),
        ttl_milliseconds: 60_000,
        credits: Credits { requests: credits, per_milliseconds: 60_000 },
        policy_revision: String::new(),
    }
}

pub fn offload_only(policy: &mut OffloadPolicy) {
    policy.mode = Mode::OffloadOnly;
}

fn bundle() -> PolicyBundle {
    PolicyBundle {
        issued_at_unix_seconds: None,
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

impl Endpoint {
    fn open(&self, stream: TcpStream) {
        let Some(config) = &self.door.tls else { return self.serve(stream, None) };
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream);
        // A device that does not believe the endpoint ends it here.
        if stream.conn.complete_io(&mut stream.sock).is_ok() {
            let shown = stream.conn.peer_certificates().map(|chain| chain[0].clone().into_owned());
            self.serve(stream, shown);
        }
    }

    fn serve(&self, stream: impl Read + Write, shown: Option<CertificateDer<'static>>) {
        let mut reader = BufReader::new(stream);
        while let Some(Question { target, authorization, body }) = request(&mut reader) {
            self.asked.lock().unwrap().push((target.clone(), body));
            self.tokens.fetch_add(usize::from(authorization.is_some()), Ordering::SeqCst);
            let wanted = self.door.token.as_ref().map(|token| format!("Bearer {}", token.lock().unwrap()));
            let is_known =
                (shown.is_some() || !self.door.certificate) && (wanted.is_none() || wanted == authorization);
            if target.ends_with("/infer") {
                self.shown.lock().unwrap().clone_from(&shown);
            }
            let answer = if is_known {
                self.answer(&target)
            } else {
                Some(refused(self.name, Outcome::Unauthenticated))
            };
            let Some(answer) = answer else { return };
            if reader.get_mut().write_all(&answer).and_then(|()| reader.get_mut().flush()).is_err() {
                return;
            }
        }
    }

    /// Nothing: the connection ends.
    fn answer(&self, target: &str) -> Option<Vec<u8>> {
        let script = *self.script.lock().unwrap();
        if target == "GET /v2/models/gauge/ready" {
            self.readiness.fetch_add(1, Ordering::SeqCst);
        }
        Some(match target {
            "GET /v2/models/gauge" if matches!(script, Script::Seeing) => {
                plain(&metadata_json(&[1, 3, 8, 8]))
            }
            "GET /v2/models/gauge" => plain(&metadata_json(&[1, 4])),
            "GET /v2/models/gauge/ready" if is_ready(script) => plain(""),
            target if target.contains("/v1alpha1/") && matches!(script, Script::Bare) => not_found(),
            "GET /v1alpha1/policy" if matches!(script, Script::Secretive) => silence(),
            "GET /v1alpha1/endpoint" => identity(self.name),
            "GET /v1alpha1/load" => load(script),
            "GET /v1alpha1/policy" => plain(&serde_json::to_string(&*self.bundle.lock().unwrap()).unwrap()),
            "POST /v1alpha1/routes:resolve" => match &*self.routes.lock().unwrap() {
                Some(routes) => plain(&serde_json::to_string(routes).unwrap()),
                None => not_found(),
            },
            "POST /v2/models/gauge/infer" => {
                self.inferences.fetch_add(1, Ordering::SeqCst);
                match script {
                    Script::Good | Script::Seeing | Script::Secretive => served(self.name),
                    Script::Bare => computed(""),
                    Script::Slow(after) => {
                        thread::sleep(after);
                        served(self.name)
                    }
                    Script::Silent => silence(),
                    Script::Refusing(outcome) => refused(self.name, outcome),
                    Script::Foreign => not_found(),
                    Script::Dropping | Script::Hasty => return None,
                }
            }
            _ => not_found(),
        })
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

pub struct Question {
    /// Method and path.
    pub target: String,
    authorization: Option<String>,
    /// Null where it is not JSON.
    body: Value,
}

pub fn request(reader: &mut BufReader<impl Read>) -> Option<Question> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let (key, value) = line.split_once(':')?;
        match key.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some(Question { target: first.split(' ').take(2).collect::<Vec<_>>().join(" "), authorization, body })
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

fn metadata_json(shape: &[u32]) -> String {
    let tensor = |name: &str, shape: &[u32]| json!({"name": name, "datatype": "FP32", "shape": shape});
    json!({"name": MODEL, "inputs": [tensor("window", shape)], "outputs": [tensor("probabilities", &[1, 2])]})
        .to_string()
}

fn served(name: &str) -> Vec<u8> {
    let digest = Digest::from_sha256(&[7; 32]);
    computed(&format!(
        "longshore-outcome: served\r\nlongshore-endpoint: {name}\r\nlongshore-model-digest: {digest}\r\n\
         longshore-service-us: 900\r\nlongshore-queue-us: 40\r\n"
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
