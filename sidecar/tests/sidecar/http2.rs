//! HTTP/2 by prior knowledge: the same answers over streams.

use std::io::Write;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use crate::{
    harness::{PATIENCE, Sidecar, eventually},
    server::{ANSWER, Door, Server, answer},
};

pub type Sender = SendRequest<Full<Bytes>>;

async fn connect(sidecar: &Sidecar) -> (Sender, tokio::task::JoinHandle<()>) {
    connect_with(sidecar, 65_535).await
}

async fn connect_with(sidecar: &Sidecar, window_bytes: u32) -> (Sender, tokio::task::JoinHandle<()>) {
    sender(TcpStream::connect(sidecar.address).await.unwrap(), window_bytes).await
}

pub async fn sender(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    window_bytes: u32,
) -> (Sender, tokio::task::JoinHandle<()>) {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(window_bytes);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(async move { drop(connection.await) }))
}

pub fn request(method: &str, path: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(format!("http://a{path}")).body(Full::from(body)).unwrap()
}

fn outcome(response: &Response<Incoming>) -> &str {
    response.headers()["longshore-outcome"].to_str().unwrap()
}

/// Runs a test's client on a runtime of its own; scripts and waits block other threads.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn inference_pages_and_refusals() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    block_on(async {
        let (mut sender, _) = connect(&sidecar).await;
        let response = sender.send_request(request("POST", "/v2/models/m/infer", "{}")).await.unwrap();
        assert_eq!((response.status().as_u16(), outcome(&response)), (200, "served"));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), ANSWER);
        let response = sender.send_request(request("GET", "/v1alpha1/load", "")).await.unwrap();
        assert_eq!(response.status(), 200);
        let response = sender.send_request(request("GET", "/nowhere", "")).await.unwrap();
        assert_eq!((response.status().as_u16(), outcome(&response)), (404, "not_found"));
        let mut two = request("GET", "/v2", "");
        two.headers_mut().insert("host", "b".parse().unwrap());
        let response = sender.send_request(two).await.unwrap();
        assert_eq!((response.status().as_u16(), outcome(&response)), (400, "malformed"));
        let response = sender.send_request(request("GET", "/v2", "body")).await.unwrap();
        assert_eq!((response.status().as_u16(), outcome(&response)), (400, "malformed"));
    });
    assert_eq!(server.inferences()[0].line, "POST /v2/models/m/infer HTTP/1.1");
    let page = sidecar.admin("/metrics").text();
    assert!(page.contains("requests_total{outcome=\"served\",protocol=\"http2\"} 1"), "{page}");
}

#[test]
fn a_stream_that_is_reset_frees_its_slot() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |_, _| at_door.wait());
    let sidecar = Sidecar::start(&server);
    block_on(async {
        let (mut sender, _) = connect(&sidecar).await;
        let response = tokio::spawn(sender.send_request(request("POST", "/v2/models/m/infer", "{}")));
        tokio::task::block_in_place(|| door.wait_for(1));
        response.abort();
        tokio::task::block_in_place(|| eventually("the slot", || sidecar.gauge("requests_running") == 0));
    });
    door.open(1);
}

#[test]
fn a_drain_says_goaway_and_finishes_what_runs() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |seen, stream| {
        if seen.body == b"long" {
            at_door.wait();
        }
        answer(stream, "200 OK", ANSWER);
    });
    let mut sidecar = Sidecar::start(&server);
    block_on(async {
        let (mut sender, connection) = connect(&sidecar).await;
        let response = tokio::spawn(sender.send_request(request("POST", "/v2/models/m/infer", "long")));
        tokio::task::block_in_place(|| door.wait_for(1));
        sidecar.terminate();
        tokio::task::block_in_place(|| {
            eventually("refusing", || sidecar.infer("", "{}").outcome() == "draining")
        });
        door.open(1);
        let response = response.await.unwrap().unwrap();
        assert_eq!(outcome(&response), "served");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), ANSWER);
        connection.await.unwrap();
    });
    assert_eq!(sidecar.exit_code(), Some(0));
}

#[test]
fn an_idle_connection_is_closed() {
    let server = Server::start();
    let sidecar =
        Sidecar::with(&server, |config| config["limits"] = serde_json::json!({"idleMilliseconds": 50}));
    block_on(async {
        let (_sender, connection) = connect(&sidecar).await;
        connection.await.unwrap();
    });
}

#[test]
fn a_reader_without_a_window_is_cut_and_one_that_waits_is_not() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |seen, stream| {
        if seen.body != b"long" {
            return answer(stream, "200 OK", ANSWER);
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst");
        at_door.wait();
        let _ = stream.write_all(b"last");
    });
    let sidecar = Sidecar::with(&server, |config| {
        config["limits"] = serde_json::json!({"bodyWindowMilliseconds": 200});
    });
    block_on(async {
        let (mut honest, _connection) = connect(&sidecar).await;
        let long = honest.send_request(request("POST", "/v2/models/m/infer", "long")).await.unwrap();
        for (method, path) in [("GET", "/v1alpha1/load"), ("POST", "/v2/models/m/infer")] {
            let (mut greedy, connection) = connect_with(&sidecar, 0).await;
            let response = greedy.send_request(request(method, path, "")).await.unwrap();
            assert_eq!(outcome(&response), "served", "{path}");
            timeout(PATIENCE, connection).await.expect(path).unwrap();
        }
        door.open(1);
        assert_eq!(long.into_body().collect().await.unwrap().to_bytes(), "firstlast");
    });
}
