//! gRPC at both ends: the model server's side and a closed loop of unary inferences. In: a connection, or an address. Out:
//! answers, or how many there were.

use std::{
    convert::Infallible,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Body, Incoming},
    client::conn::http2::{self, SendRequest},
    server,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, task::JoinSet};
use wire::{grpc, protobuf};

use crate::load::Run;

/// `ready: true`.
const READY: [u8; 2] = [1 << 3, 1];
const WINDOW_BYTES: u32 = 1 << 20;

/// Answers whatever comes over one connection.
pub async fn serve(stream: TcpStream) {
    // A connection that breaks shows at the other end.
    drop(
        server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service_fn(answer))
            .await,
    );
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    body.collect().await?;
    let message = match parts.uri.path() {
        grpc::SERVER_READY | grpc::MODEL_READY => READY.to_vec(),
        _ => numbers(5, 2),
    };
    let trailers =
        HeaderMap::from_iter([(http::HeaderName::from_static(grpc::STATUS), HeaderValue::from_static("0"))]);
    let body = Full::new(Bytes::from(grpc::frame(&message))).with_trailers(async { Some(Ok(trailers)) });
    let mut response = Response::new(body);
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(grpc::CONTENT_TYPE));
    Ok(response)
}

/// A message that names the model and has so many numbers in one field.
fn numbers(field: u8, count: usize) -> Vec<u8> {
    let mut message = protobuf::text("bench");
    protobuf::bytes(&mut message, field, &vec![0; 4 * count]);
    message
}

/// Connections with the calls that go on over them at once.
pub struct Calls {
    connections: Vec<SendRequest<Full<Bytes>>>,
    at_once: usize,
}

impl Calls {
    /// Connects, and has one answer over each connection.
    pub async fn start(address: SocketAddr, connections: usize, at_once: usize) -> Result<Self> {
        let mut calls = Self { connections: Vec::new(), at_once };
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
                .initial_connection_window_size(WINDOW_BYTES)
                .handshake(TokioIo::new(stream))
                .await?;
            // Its error is also that of the calls over it.
            tokio::spawn(async move { drop(connection.await) });
            call(&mut sender, &body()).await?;
            calls.connections.push(sender);
        }
        Ok(calls)
    }

    /// Goes on for a while.
    pub async fn run(&self, time: Duration) -> Result<Run> {
        let until = Instant::now() + time;
        let mut tasks = JoinSet::new();
        for sender in &self.connections {
            for _ in 0..self.at_once {
                let mut sender = sender.clone();
                tasks.spawn(async move {
                    let (body, mut times) = (body(), Vec::new());
                    let mut start = Instant::now();
                    while start < until {
                        call(&mut sender, &body).await?;
                        let end = Instant::now();
                        times.push((end - start).as_secs_f64());
                        start = end;
                    }
                    anyhow::Ok(times)
                });
            }
        }
        let mut run = Run::default();
        while let Some(times) = tasks.join_next().await {
            run.times.extend(times??);
        }
        Ok(run)
    }
}

fn body() -> Bytes {
    grpc::frame(&numbers(7, 32)).into()
}

async fn call(sender: &mut SendRequest<Full<Bytes>>, body: &Bytes) -> Result<()> {
    let request = Request::post(format!("http://bench.example{}", grpc::MODEL_INFER))
        .header(http::header::CONTENT_TYPE, grpc::CONTENT_TYPE)
        .header(http::header::TE, "trailers")
        .body(Full::new(body.clone()))?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?;
    let status = body.trailers().unwrap_or(&head.headers).get(grpc::STATUS);
    ensure!(status.is_some_and(|status| status == "0"), "{}: gRPC status {status:?}", head.status);
    Ok(())
}
