//! The load over HTTP/1.1, a closed loop: each connection asks again when it has its answer. Good for cost per request and
//! for the median at one connection; it says nothing of latency under a load that does not wait.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::watch, task::JoinSet, time::timeout};

use crate::http1;

/// Longer than any answer takes here.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a run did.
#[derive(Default)]
pub struct Run {
    /// Time of each answered request, in seconds.
    pub times: Vec<f64>,
}

impl Run {
    /// The middle time, in seconds.
    pub fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// What so many of a hundred do not exceed, in seconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut times = self.times.clone();
        times.sort_by(f64::total_cmp);
        times[times.len() * percent / 100]
    }
}

fn request(body: &[u8], lines: &str) -> Arc<[u8]> {
    let mut request = format!(
        "POST /v2/models/bench/infer HTTP/1.1\r\nhost: bench.example\r\n{lines}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request.into()
}

/// A few numbers, as JSON.
pub fn small() -> Arc<[u8]> {
    let body = br#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1,4],"data":[0.1,0.2,0.3,0.4]}]}"#;
    request(body, "content-type: application/json\r\n")
}

/// The same, of no use after a time.
pub fn within(deadline: Duration) -> Arc<[u8]> {
    request(b"{}", &format!("longshore-deadline-ms: {}\r\n", deadline.as_millis()))
}

/// A picture of 224 by 224 as FP32, 602,112 bytes, as Triton's raw binary request: no JSON before it.
pub fn picture(lines: &str) -> Arc<[u8]> {
    request(&vec![7; 224 * 224 * 3 * 4], &format!("inference-header-content-length: 0\r\n{lines}"))
}

/// Connections with the request that they repeat.
pub struct Load {
    connections: Vec<Connection>,
    request: Arc<[u8]>,
}

/// One connection.
pub struct Connection {
    stream: TcpStream,
    reader: http1::Reader,
}

impl Load {
    /// Connects, and has one answer over each connection.
    pub async fn start(address: SocketAddr, connections: usize, request: &Arc<[u8]>) -> Result<Self> {
        let mut load = Self { connections: Vec::new(), request: Arc::clone(request) };
        for _ in 0..connections {
            let mut connection = Connection::open(address).await?;
            connection.ask(request).await?;
            load.connections.push(connection);
        }
        Ok(load)
    }

    /// Goes on for a while.
    pub async fn run(&mut self, time: Duration) -> Result<Run> {
        let until = Instant::now() + time;
        let mut tasks = JoinSet::new();
        for mut connection in self.connections.drain(..) {
            let request = Arc::clone(&self.request);
            tasks.spawn(async move {
                let times = connection.repeat(&request, until).await?;
                anyhow::Ok((connection, times))
            });
        }
        let mut run = Run::default();
        while let Some(ended) = tasks.join_next().await {
            let (connection, times) = ended??;
            self.connections.push(connection);
            run.times.extend(times);
        }
        Ok(run)
    }
}

impl Connection {
    /// A fresh one.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, reader: http1::Reader::default() })
    }

    /// Asks, and tells whether it was served; anything but that may be a refusal.
    pub async fn ask_any(&mut self, request: &[u8]) -> Result<bool> {
        self.stream.write_all(request).await?;
        let head = timeout(PATIENCE, self.reader.head(&mut self.stream)).await.context("no answer")??;
        let head = head.context("the connection was closed")?;
        self.reader.body(&mut self.stream, &head).await?;
        Ok(head.first.starts_with("HTTP/1.1 200"))
    }

    async fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        timeout(PATIENCE, self.answer()).await.context("no answer")?
    }

    async fn repeat(&mut self, request: &[u8], until: Instant) -> Result<Vec<f64>> {
        let mut times = Vec::new();
        let mut start = Instant::now();
        while start < until {
            self.stream.write_all(request).await?;
            self.answer().await?;
            let end = Instant::now();
            times.push((end - start).as_secs_f64());
            start = end;
        }
        Ok(times)
    }

    async fn answer(&mut self) -> Result<()> {
        let head = self.reader.head(&mut self.stream).await?.context("the connection was closed")?;
        ensure!(head.first.starts_with("HTTP/1.1 200"), "{}", head.first);
        self.reader.body(&mut self.stream, &head).await
    }
}

/// Sends the beginning of a request, waits for the gate, sends the rest, and has the answer.
pub async fn halting(
    address: SocketAddr,
    request: Arc<[u8]>,
    beginning: usize,
    mut gate: watch::Receiver<bool>,
) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    connection.stream.write_all(&request[..beginning]).await?;
    if beginning < request.len() {
        gate.wait_for(|open| *open).await?;
        connection.stream.write_all(&request[beginning..]).await?;
    }
    timeout(PATIENCE, connection.answer()).await.context("no answer")?
}
