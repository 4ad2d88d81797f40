//! A scripted gRPC model server: what it answers to an inference is the test's, what it saw is kept.

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Body, Frame, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Runtime,
    task::AbortHandle,
};
use wire::grpc::frame;

use crate::harness::Behind;

pub const ANSWER: &[u8] = b"\x0a\x01m an answer, which nobody reads on its way";

/// A call as the server saw it.
#[derive(Clone, Debug, Default)]
pub struct Call {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;
type Script = Arc<dyn Fn(&Call) -> Answer + Send + Sync>;

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    unready: bool,
    metadata: Option<Vec<u8>>,
    script: Option<Script>,
    /// Inferences whose stream was reset before their answer ended.
    cancelled: usize,
    connections: Vec<AbortHandle>,
}

type Shared = Arc<Mutex<State>>;

/// A scripted server on a port of its own, or on a socket.
pub struct GrpcServer {
    upstream: String,
    state: Shared,
    runtime: Option<Runtime>,
}

impl Behind for GrpcServer {
    fn upstream(&self) -> Value {
        json!({"grpc": self.upstream})
    }
}

impl GrpcServer {
    /// Ready, answering each inference at once.
    pub fn start() -> Self {
        Self::on("127.0.0.1:0".parse().unwrap())
    }

    pub fn on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let server = Self::new(format!("http://{}", listener.local_addr().unwrap()));
        listener.set_nonblocking(true).unwrap();
        let state = Arc::clone(&server.state);
        server.runtime().spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, &state);
            }
        });
        server
    }

    pub fn on_socket(path: &Path) -> Self {
        let server = Self::new(format!("unix:{}", path.display()));
        let (state, path): (_, PathBuf) = (Arc::clone(&server.state), path.into());
        server.runtime().spawn(async move {
            let listener = tokio::net::UnixListener::bind(path).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, &state);
            }
        });
        server
    }

    fn new(upstream: String) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { upstream, state: Shared::default(), runtime: Some(runtime) }
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().unwrap()
    }

    pub fn address(&self) -> SocketAddr {
        self.upstream.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// What to answer to an inference; it may block.
    pub fn script(&self, script: impl Fn(&Call) -> Answer + Send + Sync + 'static) {
        self.state.lock().unwrap().script = Some(Arc::new(script));
    }

    pub fn set_metadata(&self, message: Vec<u8>) {
        self.state.lock().unwrap().metadata = Some(message);
    }

    pub fn set_ready(&self, ready: bool) {
        self.state.lock().unwrap().unready = !ready;
    }

    /// The calls of a method that came.
    pub fn calls(&self, method: &str) -> Vec<Call> {
        let state = self.state.lock().unwrap();
        state.calls.iter().filter(|call| call.path.ends_with(method)).cloned().collect()
    }

    pub fn cancelled(&self) -> usize {
        self.state.lock().unwrap().cancelled
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections.len()
    }

    /// Closes all connections, without a word.
    pub fn hang_up(&self) {
        self.state.lock().unwrap().connections.iter().for_each(AbortHandle::abort);
    }
}

impl Drop for GrpcServer {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: &Shared) {
    let shared = Arc::clone(state);
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let connection =
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
    let task = tokio::spawn(async move { drop(connection.await) });
    state.lock().unwrap().connections.push(task.abort_handle());
}

async fn answer(request: Request<Incoming>, state: Shared) -> Result<Answer, Infallible> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let mut guard = Guard { state: path.ends_with("/ModelInfer").then(|| Arc::clone(&state)) };
    let Ok(body) = body.collect().await else { return Ok(status(1, "")) };
    let call = Call { path, headers: parts.headers, body: body.to_bytes().into() };
    let (unready, metadata, script) = {
        let mut state = state.lock().unwrap();
        state.calls.push(call.clone());
        (state.unready, state.metadata.clone(), state.script.clone())
    };
    let answer = match call.path.rsplit('/').next().unwrap() {
        "ServerReady" | "ModelReady" | "ServerLive" => ok(&[8, u8::from(!unready)]),
        "ModelMetadata" => ok(&metadata.unwrap_or(ANSWER.into())),
        "ServerMetadata" => ok(ANSWER),
        "ModelInfer" => match script {
            Some(script) => tokio::task::spawn_blocking(move || script(&call)).await.unwrap(),
            None => ok(ANSWER),
        },
        method => panic!("nobody may call {method}"),
    };
    Ok(answer.map(|body| {
        if body.is_end_stream() {
            guard.done();
        }
        let watched = body.map_frame(move |frame| {
            if frame.is_trailers() {
                guard.done();
            }
            frame
        });
        watched.boxed_unsync()
    }))
}

/// Counts an inference that was cancelled.
struct Guard {
    state: Option<Shared>,
}

impl Guard {
    fn done(&mut self) {
        self.state = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(state) = &self.state {
            state.lock().unwrap().cancelled += 1;
        }
    }
}

/// A complete answer.
pub fn ok(message: &[u8]) -> Answer {
    late_status(message, 0, "")
}

/// A message and the status behind it.
pub fn late_status(message: &[u8], code: u8, text: &str) -> Answer {
    let trailers = status_lines(code, text);
    let body = Full::from(frame(message)).with_trailers(async { Some(Ok(trailers)) });
    with_type(body.map_err(|never| match never {}).boxed_unsync())
}

/// Trailers only.
pub fn status(code: u8, text: &str) -> Answer {
    let mut answer = with_type(Full::default().map_err(|never| match never {}).boxed_unsync());
    answer.headers_mut().extend(status_lines(code, text));
    answer
}

/// The beginning of a message, and then it breaks.
pub fn broken() -> Answer {
    with_type(
        StreamBody::new(beginning().chain(stream::iter([Err(io::Error::other("broken"))]))).boxed_unsync(),
    )
}

/// The beginning of a message, and then nothing.
pub fn hanging() -> Answer {
    with_type(StreamBody::new(beginning().chain(stream::pending())).boxed_unsync())
}

fn beginning() -> impl stream::Stream<Item = io::Result<Frame<Bytes>>> {
    stream::iter([Ok(Frame::data(Bytes::from_static(&[0, 0, 0, 0, 9, 1, 2])))])
}

fn with_type(body: UnsyncBoxBody<Bytes, io::Error>) -> Answer {
    let mut answer = Response::new(body);
    answer.headers_mut().insert("content-type", HeaderValue::from_static(wire::grpc::CONTENT_TYPE));
    answer.headers_mut().insert("grpc-accept-encoding", HeaderValue::from_static("gzip"));
    answer
}

fn status_lines(code: u8, text: &str) -> HeaderMap {
    let mut lines = HeaderMap::new();
    lines.insert("grpc-status", u16::from(code).into());
    lines.insert("grpc-message", HeaderValue::from_str(text).unwrap());
    lines.insert("longshore-advice", HeaderValue::from_static("elsewhere"));
    lines.insert("of-the-server", HeaderValue::from_static("kept"));
    lines
}
