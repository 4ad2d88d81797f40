//! The programs that `e2e/cluster/tools.sh` brings, and an API server of their own for a test.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
};

use crate::objects::root;

/// A program of the cache; a test without it fails and says how to get it.
pub fn program(name: &str) -> PathBuf {
    let cache = env::var("LONGSHORE_CACHE")
        .unwrap_or_else(|_| format!("{}/.cache/longshore", env::var("HOME").expect("HOME is set")));
    let path = Path::new(&cache).join("bin").join(name);
    assert!(path.exists(), "{} is missing: run e2e/cluster/tools.sh", path.display());
    path
}

/// Standard output and standard error as text.
pub fn words(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// kube-apiserver, etcd and kube-controller-manager as plain processes. They end with this value, and with the test's
/// process, whose end closes their standard input.
pub struct ApiServer {
    script: Child,
    stdin: Option<ChildStdin>,
    folder: PathBuf,
}

impl ApiServer {
    /// Starts them and installs both definitions.
    pub fn start(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("longshore-{name}-{}", std::process::id()));
        let mut script = Command::new(root().join("e2e/cluster/apiserver.sh"))
            .arg("run")
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(script.stdout.take().unwrap()).lines();
        let ready = lines.map_while(Result::ok).any(|line| line == "ready");
        assert!(ready, "the API server did not start");
        let stdin = script.stdin.take();
        let server = Self { script, stdin, folder };
        let (_, errors) = server.kubectl(&["apply", "-f", "-"], &crds::manifest::yaml());
        assert_eq!(errors, "");
        server.kubectl_works(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"], "");
        server
    }

    /// Runs kubectl with something on its standard input: its output and its errors.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> (String, String) {
        words(&self.run(arguments, input))
    }

    /// Runs kubectl, which must succeed: its output.
    #[track_caller]
    pub fn kubectl_works(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        let (text, errors) = words(&output);
        assert!(output.status.success(), "kubectl {arguments:?}: {errors}");
        text
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut kubectl = Command::new(program("kubectl"))
            .arg("--kubeconfig")
            .arg(self.folder.join("kubeconfig"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        kubectl.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        kubectl.wait_with_output().unwrap()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // The script removes its folder once its input has ended.
        if let Err(error) = self.script.wait() {
            eprintln!("{}: {error}", self.folder.display());
        }
    }
}
