//! A gRPC client that speaks frames.

use std::{
    io,
    net::SocketAddr,
    thread::{JoinHandle, spawn},
};

use bytes::Bytes;
use futures::channel::mpsc;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Body as _, Frame, Incoming},
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, time::timeout};
use wire::{
    grpc::{FRAME_HEAD_BYTES, FrameHead, frame},
    protobuf,
};

use crate::{
    harness::{PATIENCE, Sidecar},
    http2::block_on,
};

pub type Body = UnsyncBoxBody<Bytes, io::Error>;
pub type Lines = &'static [(&'static str, &'static str)];

pub const INFER: &str = "inference.GRPCInferenceService/ModelInfer";

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    pub head: HeaderMap,
    pub body: Vec<u8>,
    /// `None` when the head was all.
    trailers: Option<HeaderMap>,
}

impl Ended {
    pub fn is_trailers_only(&self) -> bool {
        self.trailers.is_none()
    }

    /// A line of the trailers.
    pub fn line(&self, name: &str) -> Option<&str> {
        self.trailers.as_ref().unwrap_or(&self.head).get(name).map(|value| value.to_str().unwrap())
    }

    pub fn status(&self) -> u8 {
        self.line("grpc-status").expect("a status").parse().unwrap()
    }

    pub fn outcome(&self) -> &str {
        self.line("longshore-outcome").unwrap_or("")
    }

    /// Checks a refusal whole: a response of trailers only that says the same everywhere.
    #[track_caller]
    pub fn refused(&self, status: u8, outcome: &str) {
        assert!(self.is_trailers_only(), "{self:?}");
        self.failed(status, outcome);
    }

    /// Checks what a call that was not served says.
    #[track_caller]
    pub fn failed(&self, status: u8, outcome: &str) {
        assert_eq!((self.status(), self.outcome()), (status, outcome), "{self:?}");
        assert_eq!(self.head["content-type"], "application/grpc");
        assert_eq!(self.line("longshore-endpoint"), Some("edge-3"));
        let problem: serde_json::Value = serde_json::from_str(self.line("grpc-message").unwrap()).unwrap();
        assert_eq!(problem["outcome"], outcome);
        assert_eq!(problem["advice"], self.line("longshore-advice").unwrap());
    }
}

/// The body of an inference for model `m`.
pub fn message(rest: &[u8]) -> Vec<u8> {
    let mut message = protobuf::text("m");
    protobuf::bytes(&mut message, 7, rest);
    frame(&message)
}

pub async fn connect(address: SocketAddr) -> SendRequest<Body> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    sender
}

pub fn request(method: &str, lines: Lines, body: Body) -> Request<Body> {
    let mut request = Request::post(format!("http://a/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    for (name, value) in lines {
        request.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    request
}

pub fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body that goes on as long as the sender is held.
pub fn beginning(body: Vec<u8>) -> (Body, mpsc::UnboundedSender<io::Result<Frame<Bytes>>>) {
    let (sender, receiver) = mpsc::unbounded();
    sender.unbounded_send(Ok(Frame::data(body.into()))).unwrap();
    (StreamBody::new(receiver).boxed_unsync(), sender)
}

pub async fn ended(response: Response<Incoming>) -> Ended {
    assert_eq!(response.status(), 200);
    let is_trailers_only = response.body().is_end_stream();
    let (parts, body) = response.into_parts();
    let body = timeout(PATIENCE, body.collect()).await.unwrap().unwrap();
    let trailers = (!is_trailers_only).then(|| body.trailers().cloned().unwrap());
    Ended { head: parts.headers, body: body.to_bytes().into(), trailers }
}

/// The messages of an answer, one by one.
pub struct Messages {
    head: HeaderMap,
    body: Incoming,
    bytes: Vec<u8>,
}

impl Messages {
    pub fn of(response: Response<Incoming>) -> Self {
        assert!(!response.body().is_end_stream(), "{response:?}");
        let (parts, body) = response.into_parts();
        Self { head: parts.headers, body, bytes: Vec::new() }
    }

    pub async fn next(&mut self) -> Vec<u8> {
        self.step().await.expect("another message")
    }

    /// How it ends; no message may come before that.
    pub async fn end(mut self) -> Ended {
        let trailers = self.step().await.expect_err("no other message");
        Ended { head: self.head, body: Vec::new(), trailers: Some(trailers) }
    }

    async fn step(&mut self) -> Result<Vec<u8>, HeaderMap> {
        loop {
            if let Some(head) = FrameHead::parse(&self.bytes)
                && let Some(message) = self.bytes[FRAME_HEAD_BYTES..].get(..head.length as usize)
            {
                let message = message.to_vec();
                self.bytes.drain(..FRAME_HEAD_BYTES + message.len());
                return Ok(message);
            }
            let frame = timeout(PATIENCE, self.body.frame()).await.unwrap().unwrap().unwrap();
            match frame.into_data() {
                Ok(data) => self.bytes.extend(data),
                Err(frame) => return Err(frame.into_trailers().unwrap()),
            }
        }
    }
}

async fn call_over(address: SocketAddr, method: &str, lines: Lines, body: Body) -> Ended {
    try_call_over(address, method, lines, body).await.expect("the connection stays")
}

/// `None` when the connection was ended before the call: an endpoint that begins to leave does that.
async fn try_call_over(address: SocketAddr, method: &str, lines: Lines, body: Body) -> Option<Ended> {
    let mut sender = connect(address).await;
    let response = timeout(PATIENCE, sender.send_request(request(method, lines, body))).await;
    Some(ended(response.unwrap().ok()?).await)
}

/// One call over a connection of its own.
pub fn call(sidecar: &Sidecar, method: &str, lines: Lines, body: impl Into<Bytes>) -> Ended {
    block_on(call_over(sidecar.address, method, lines, whole(body)))
}

/// An inference.
pub fn infer(sidecar: &Sidecar, lines: Lines, rest: &[u8]) -> Ended {
    call(sidecar, INFER, lines, message(rest))
}

/// Whether an endpoint that leaves refuses already.
pub fn is_draining(sidecar: &Sidecar) -> bool {
    let asked = block_on(try_call_over(sidecar.address, INFER, &[], whole(message(b""))));
    asked.is_some_and(|ended| ended.outcome() == "draining")
}

/// An inference that goes on beside the test.
pub fn begin(sidecar: &Sidecar, lines: Lines, rest: &[u8]) -> JoinHandle<Ended> {
    let (address, body) = (sidecar.address, message(rest));
    spawn(move || block_on(call_over(address, INFER, lines, whole(body))))
}
