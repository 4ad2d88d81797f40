//! The operator under test: the real program, one for each namespace.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
};

use http_body_util::{BodyExt, Empty};
use hyper::{body::Bytes, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

use crate::server::eventually;

/// A running operator; killed with its owner.
pub struct Operator {
    process: Child,
    admin: String,
}

impl Operator {
    /// Starts one that looks after a namespace.
    pub async fn start(kubeconfig: &Path, namespace: &str, more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_longshore-operator"))
            .args(["run", "--admin-address", "127.0.0.1:0", "--sidecar-image", "sidecar.example/sidecar:1"])
            .args(["--watch-namespace", namespace])
            .args(more)
            .env("KUBECONFIG", kubeconfig)
            .env("POD_NAMESPACE", "longshore-system")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let admin = loop {
            let line = log.next_line().await.unwrap().expect("the operator says where its admin address is");
            let entry: Value = serde_json::from_str(&line).unwrap();
            if let Some(address) = entry["admin"].as_str() {
                break address.to_owned();
            }
            println!("{line}");
        };
        // Read on: a full pipe would stop the operator. Shown when the test fails.
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                println!("{line}");
            }
        });
        let operator = Self { process, admin };
        eventually("the operator is ready", async || (operator.get("/readyz").await?.0 == 200).then_some(()))
            .await;
        operator
    }

    /// Status code and body of a path of the admin address; nothing when nobody answers.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let stream = TcpStream::connect(&self.admin).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let request = hyper::Request::get(path).header(HOST, "admin").body(Empty::<Bytes>::new()).ok()?;
        let answer = sender.send_request(request).await.ok()?;
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        Some((code, String::from_utf8_lossy(&body).into_owned()))
    }

    /// The sum of a counter over the labels that contain `label`.
    pub async fn counter(&self, name: &str, label: &str) -> f64 {
        let (_, text) = self.get("/metrics").await.expect("the admin address answers");
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Ends it without a chance to finish anything.
    pub async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }

    /// Ends it as a kubelet does.
    pub async fn terminate(mut self) -> ExitStatus {
        let id = self.process.id().expect("it still runs").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        self.process.wait().await.unwrap()
    }
}
