//! The model server behind all proxies: answers every inference at once, over TCP, a Unix socket and gRPC. In: requests.
//! Out: a fixed answer. It can hold requests that ask for it, with their bodies unread.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    thread,
};

use anyhow::Result;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::UnixListener,
    runtime,
    sync::watch,
};

use crate::{grpc, http1};

const METADATA: &str = r#"{"name":"bench","versions":["1"],"platform":"bench","inputs":[{"name":"x","datatype":"FP32","shape":[1,4]}],"outputs":[{"name":"y","datatype":"FP32","shape":[1,2]}]}"#;
const ANSWER: &str = r#"{"model_name":"bench","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[0.02,0.98]}]}"#;

/// Where it listens.
pub struct Backend {
    /// HTTP/1.1 over TCP.
    pub tcp: SocketAddr,
    /// HTTP/1.1 over a Unix socket.
    pub socket: PathBuf,
    /// gRPC.
    pub grpc: SocketAddr,
    gate: watch::Sender<bool>,
}

impl Backend {
    /// Serves on a thread of its own, on the processor of the caller.
    pub fn start(folder: &Path) -> Result<Self> {
        let (http, grpc) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let socket = folder.join("model.sock");
        let (gate, open) = watch::channel(true);
        let backend =
            Self { tcp: http.local_addr()?, socket: socket.clone(), grpc: grpc.local_addr()?, gate };
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || runtime.block_on(serve(http, &socket, grpc, open)));
        Ok(backend)
    }

    /// From here on, requests that ask for it are held.
    pub fn hold(&self) {
        self.gate.send_replace(false);
    }

    /// Lets them go.
    pub fn release(&self) {
        self.gate.send_replace(true);
    }

    /// What waits for the release.
    pub fn gate(&self) -> watch::Receiver<bool> {
        self.gate.subscribe()
    }
}

async fn serve(
    http: TcpListener,
    socket: &Path,
    grpc: TcpListener,
    gate: watch::Receiver<bool>,
) -> Result<()> {
    let tcp = asynchronous(http)?;
    let grpc = asynchronous(grpc)?;
    fs::remove_file(socket).ok();
    let unix = UnixListener::bind(socket)?;
    loop {
        tokio::select! {
            accepted = tcp.accept() => {
                let stream = accepted?.0;
                stream.set_nodelay(true)?;
                tokio::spawn(connection(stream, gate.clone()));
            }
            accepted = unix.accept() => {
                tokio::spawn(connection(accepted?.0, gate.clone()));
            }
            accepted = grpc.accept() => {
                let stream = accepted?.0;
                stream.set_nodelay(true)?;
                tokio::spawn(grpc::serve(stream));
            }
        }
    }
}

fn asynchronous(listener: TcpListener) -> Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    Ok(tokio::net::TcpListener::from_std(listener)?)
}

async fn connection(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    mut gate: watch::Receiver<bool>,
) -> Result<()> {
    let inference = answer(ANSWER);
    let metadata = answer(METADATA);
    let mut reader = http1::Reader::default();
    while let Some(head) = reader.head(&mut stream).await? {
        if head.holds {
            gate.wait_for(|open| *open).await?;
        }
        reader.body(&mut stream, &head).await?;
        let bytes = if head.first.starts_with("POST") { &inference } else { &metadata };
        stream.write_all(bytes).await?;
    }
    Ok(())
}

fn answer(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into()
}
