//! The program itself, started on a free port, and a client that speaks raw HTTP to it.
#![allow(dead_code)] // Each test file uses a part.

pub mod client;
#[path = "../../engine/tests/support/onnx.rs"]
pub mod onnx;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for anything; a failing test ends with it.
const PATIENCE: Duration = Duration::from_secs(60);

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/person-detect");

pub fn person() -> Vec<u8> {
    std::fs::read(Path::new(EXAMPLE).join("model/blazeface-person.onnx")).unwrap()
}

/// A frame as the example model's input, in little-endian floats.
pub fn pixels(frame: &str) -> engine::Tensor {
    let encoded = std::fs::read(Path::new(EXAMPLE).join("frames").join(frame)).unwrap();
    let input = engine::TensorSpec {
        name: "in_nhwc".to_owned(),
        datatype: engine::Datatype::Fp32,
        shape: vec![1, 128, 128, 3],
    };
    engine::picture::to_tensor(&encoded, &input, engine::picture::Normalization::default()).unwrap()
}

/// y = a + b over rows of two, any number of rows.
pub fn adder() -> Vec<u8> {
    let shape: &[i64] = &[-1, 2];
    onnx::one_node(
        "Add",
        &[("a", onnx::FLOAT, shape), ("b", onnx::FLOAT, shape)],
        &[("y", onnx::FLOAT, shape)],
    )
}

/// A folder that goes when the test ends.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// A models folder with these files at `<name>/<version>/model.onnx`.
    pub fn with_models(models: &[(&str, &[u8])]) -> Self {
        let folder = Self::new();
        models.iter().for_each(|(at, bytes)| folder.write(&format!("{at}/model.onnx"), bytes));
        folder
    }

    pub fn write(&self, at: &str, bytes: &[u8]) {
        let path = self.0.join(at);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A running program; it ends with the test.
pub struct Server {
    child: Child,
    log: Receiver<Value>,
    pub address: String,
}

impl Server {
    /// Starts over these models and waits until it is ready.
    pub fn ready(models: &Folder, arguments: &[&str]) -> Self {
        let server = Self::start(models, arguments);
        server.wait_for("ready");
        server
    }

    /// Starts over these models and waits until it listens.
    pub fn start(models: &Folder, arguments: &[&str]) -> Self {
        let mut all = vec!["--models", models.path()];
        if !arguments.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        all.extend(arguments);
        let mut child = command(&all).spawn().unwrap();
        let log = log_of(&mut child);
        let mut server = Self { child, log, address: String::new() };
        server.address = server.wait_for("listening")["address"].as_str().unwrap().to_owned();
        server
    }

    /// The fields of the first log line with this message.
    pub fn wait_for(&self, message: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left).unwrap_or_else(|_| panic!("no log line {message:?}"));
            if line["fields"]["message"] == message {
                return line["fields"].clone();
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub fn exit(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log_of(child: &mut Child) -> Receiver<Value> {
    let (sender, receiver) = channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            // Whatever is no JSON is shown when the test fails.
            match serde_json::from_str(&line) {
                Ok(line) => drop(sender.send(line)),
                Err(_) => eprintln!("{line}"),
            }
        }
    });
    receiver
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore-runtime"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end: exit code, stdout and stderr.
pub fn run_to_end(arguments: &[&str]) -> (i32, String, String) {
    let output = command(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}
