//! A model server with a sidecar in front, as the pages start them, and the folder that a page's reader works in.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::page;

/// How long a condition may take before a test fails; never how long anything should take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program of the workspace. `cargo test --workspace` puts them there.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join(name);
    assert!(program.is_file(), "{} is missing: test or build the whole workspace", program.display());
    program
}

/// A folder of one test's own, with `models` and `frame.jpg`.
pub fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/person-detect");
    fs::remove_dir_all(&folder).ok();
    let version = folder.join("models/person-detect/1");
    fs::create_dir_all(&version).unwrap();
    fs::copy(example.join("model/blazeface-person.onnx"), version.join("model.onnx")).unwrap();
    fs::copy(example.join("frames/astronaut.jpg"), folder.join("frame.jpg")).unwrap();
    folder
}

/// Adds policies by which work stays on the device: for no gain at all, or because it may never move. Each has the name of
/// the reason that answers then have.
pub fn policies_that_hold(folder: &Path) {
    let wishes = [
        ("within_margin", json!({"latencyMarginPercent": 100})),
        ("flap_limit", json!({"latencyMarginPercent": 0, "maxMovesPerMinute": 0})),
    ];
    for (reason, policy) in wishes {
        let bundle = json!({
            "revision": "1-a", "model": {"name": "person-detect"}, "policy": policy, "maxPayloadBytes": 1 << 20,
            "deadlines": {"defaultMilliseconds": 200, "maxMilliseconds": 60_000},
        });
        fs::write(folder.join(format!("{reason}.json")), bundle.to_string()).unwrap();
    }
}

/// A node at the edge. It ends with this value.
pub struct Edge {
    pub url: String,
    _programs: [Program; 2],
}

impl Edge {
    /// Starts one over the models of a folder and waits until it is ready.
    pub fn start(folder: &Path) -> Self {
        let models = folder.join("models");
        let runtime = ["--models", models.to_str().unwrap(), "--listen", "127.0.0.1:0"];
        let runtime = Program::start("longshore-runtime", &runtime);
        let server = runtime.wait_for(|line| line["fields"]["message"] == "listening");
        let server = server["fields"]["address"].as_str().unwrap().to_owned();
        runtime.wait_for(|line| line["fields"]["message"] == "ready");
        let config = page::block("device.md", "yaml", "upstream")
            .replace("127.0.0.1:8000", &server)
            .replace("127.0.0.1:8080", "127.0.0.1:0")
            .replace("127.0.0.1:9090", "127.0.0.1:0");
        let file = folder.join("sidecar.yaml");
        fs::write(&file, config).unwrap();
        let sidecar = Program::start("longshore-sidecar", &["--config", file.to_str().unwrap()]);
        let started = sidecar.wait_for(|line| line["message"] == "started");
        sidecar.wait_for(|line| line["message"] == "model readiness changed");
        let url = format!("http://{}", started["listen"].as_str().unwrap());
        Self { url, _programs: [runtime, sidecar] }
    }
}

struct Program {
    process: Child,
    log: Receiver<Value>,
}

impl Program {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program(name));
        command.args(arguments).env("RUST_LOG", "info").stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (lines, log) = channel();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Nobody listens once the test waits for nothing more.
                lines.send(serde_json::from_str(&line).unwrap_or(Value::String(line))).ok();
            }
        });
        Self { process, log }
    }

    /// The first line of the log that is meant.
    fn wait_for(&self, meant: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.log.recv_timeout(left) else { panic!("waited in vain: {seen:#?}") };
            if meant(&line) {
                return line;
            }
            seen.push(line);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
