//! The device's command line, run where a device stands: outside the cluster.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{example, manifest, wait};

/// A device that knows endpoints, a model and pictures.
#[derive(Clone)]
pub struct Device {
    arguments: Vec<String>,
}

/// A `watch` that runs in the background. Ends with this value.
pub struct Watch {
    child: Child,
    lines: Arc<Mutex<Vec<(Instant, Value)>>>,
    reader: Option<JoinHandle<()>>,
}

fn program() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let folder =
        program.ancestors().find(|folder| folder.ends_with("release")).context("no release folder")?;
    Ok(folder.join("longshore-device"))
}

/// A folder with the example model, laid out as a model repository. Tests that run beside each other share it.
fn models() -> Result<PathBuf> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let lay_out = || -> Result<PathBuf> {
        let models = env::temp_dir().join(format!("longshore-e2e-{}", std::process::id()));
        let folder = models.join("person-detect/1");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("model.onnx"), manifest::model_file()?)?;
        Ok(models)
    };
    let found = FOLDER.get_or_init(|| lay_out().map_err(|error| format!("{error:#}")));
    found.clone().map_err(anyhow::Error::msg)
}

impl Device {
    /// A device that dials these addresses and has the model itself.
    ///
    /// # Errors
    /// When the model cannot be laid out for it.
    pub fn new(edges: &[String], deadline_ms: u32) -> Result<Self> {
        let mut device = Self::thin(edges, deadline_ms);
        device.arguments.extend(["--models".into(), models()?.display().to_string()]);
        Ok(device)
    }

    /// A device that dials these addresses and can do nothing itself.
    #[must_use]
    pub fn thin(edges: &[String], deadline_ms: u32) -> Self {
        let mut arguments: Vec<String> =
            ["--model", "person-detect", "--labels", "background,person", "--deadline-ms"]
                .map(Into::into)
                .into();
        arguments.push(deadline_ms.to_string());
        for edge in edges {
            arguments.extend(["--edge".into(), edge.clone()]);
        }
        Self { arguments }
    }

    /// With more arguments.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// One picture, one answer.
    ///
    /// # Errors
    /// When the program fails or prints something else than one JSON line.
    pub fn infer(&self, picture: &str) -> Result<Value> {
        let output = Command::new(program()?)
            .arg("infer")
            .args(&self.arguments)
            .args(["--battery-percent", "10", "--input"])
            .arg(example("frames").join(picture))
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).context("not one JSON line")
    }

    /// Picture after picture until the value goes away.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn watch(&self, period_ms: u32) -> Result<Watch> {
        self.watch_behind(&mut Command::new(program()?), period_ms)
    }

    /// The same by a command that ends in running its arguments, `longshore-device` among them, in its own process.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn watch_inside(&self, outer: &mut Command, period_ms: u32) -> Result<Watch> {
        self.watch_behind(outer.arg(program()?), period_ms)
    }

    fn watch_behind(&self, command: &mut Command, period_ms: u32) -> Result<Watch> {
        let mut child = command
            .arg("watch")
            .args(&self.arguments)
            .args(["--json", "--battery-percent", "10", "--period-ms", &period_ms.to_string(), "--input"])
            .arg(example("frames"))
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        let sink = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line) {
                    sink.lock().expect("no thread panics while it holds this").push((Instant::now(), value));
                }
            }
        });
        Ok(Watch { child, lines, reader: Some(reader) })
    }
}

impl Watch {
    /// What was answered so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        self.timed().into_iter().map(|(_, line)| line).collect()
    }

    /// The same with the time when each was printed.
    #[must_use]
    pub fn timed(&self) -> Vec<(Instant, Value)> {
        let all = self.lines.lock().expect("no thread panics while it holds this").clone();
        all.into_iter().filter(|(_, line)| line["outcome"].is_string()).collect()
    }

    /// The process that runs it.
    #[must_use]
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until `count` more answers satisfy `wanted`, and gives all answers since the call.
    ///
    /// # Errors
    /// When time is up; the message holds the last answer.
    pub fn until(
        &self,
        what: &str,
        count: usize,
        limit: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>> {
        let from = self.lines().len();
        wait::until(what, limit, || {
            let since = self.lines().split_off(from);
            let enough = count <= since.iter().filter(|line| wanted(line)).count();
            ensure!(enough, "{} answers, the last: {:?}", since.len(), since.last());
            Ok(Some(since))
        })
    }

    /// Ends the program as a user does and gives every answer.
    ///
    /// # Errors
    /// When it does not end well.
    pub fn finish(mut self) -> Result<Vec<Value>> {
        let pid = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &pid]).status()?.success(), "kill failed");
        let status = self.child.wait()?;
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
        ensure!(status.success(), "longshore-device watch ended with {status}");
        Ok(self.lines())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // After `finish` there is nothing left to end.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Answers that are not an answer in time.
#[must_use]
pub fn not_answered(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| line["outcome"] != "answered").collect()
}

/// Answers from a place, `edge` or `device`.
#[must_use]
pub fn from_place(lines: &[Value], place: &str) -> usize {
    lines.iter().filter(|line| line["place"] == place).count()
}

/// Every request was answered in time by the edge.
///
/// # Errors
/// Lists those that were not.
pub fn all_at_the_edge(lines: &[Value]) -> Result<()> {
    let elsewhere: Vec<&Value> =
        lines.iter().filter(|line| line["outcome"] != "answered" || line["place"] != "edge").collect();
    println!("    {} requests, {} not answered by the edge", lines.len(), elsewhere.len());
    ensure!(elsewhere.is_empty(), "{elsewhere:?}");
    Ok(())
}
