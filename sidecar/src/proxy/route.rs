//! Every request of the offload endpoint passes here. In: a request whose head was checked. Out: a response; exactly one
//! outcome. Order of the questions: who asks, does the path exist, does it take the method, who answers it.

use std::{convert::Infallible, future::Future, pin::Pin, sync::Arc};

use http::{
    HeaderValue, Method, Request, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST},
};
use hyper::body::{self, Body};
use wire::{Outcome, grpc::CONTENT_TYPE as GRPC, path::Target};

use admission::party::{Device, Party, Source};

use crate::{
    auth::peer::Peer,
    drain::Phase,
    endpoint::Endpoint,
    grpc,
    listen::{
        pace::{Pace, SharedPace, with},
        sniff::Protocol,
    },
    proxy::{
        answer::OpenRequest,
        ending::Ending,
        headers,
        http1::head::is_authority,
        incoming::Incoming,
        infer, own, relay, resolve,
        respond::{self, LoadForm, Refusal, Reply},
    },
};

/// The requests of one connection.
#[derive(Clone)]
pub struct Requests {
    pub endpoint: Arc<Endpoint>,
    protocol: Protocol,
    source: Source,
    peer: Option<Arc<Peer>>,
    pub pace: SharedPace,
}

/// What is known of a request apart from the request.
pub struct Context {
    pub endpoint: Arc<Endpoint>,
    pub protocol: Protocol,
    /// Where the connection comes from.
    pub source: Source,
    pub peer: Option<Arc<Peer>>,
    pub device: Option<Device>,
    /// A sidecar of the same model asks.
    pub is_kin: bool,
    pub form: Option<LoadForm>,
}

impl Requests {
    pub fn new(
        endpoint: Arc<Endpoint>,
        protocol: Protocol,
        source: Source,
        peer: Option<Arc<Peer>>,
        pace: SharedPace,
    ) -> Self {
        Self { endpoint, protocol, source, peer, pace }
    }

    /// Answers one.
    pub async fn answer(&self, request: Request<Incoming>) -> Reply {
        let protocol = if is_grpc(self.protocol, &request) { Protocol::Grpc } else { self.protocol };
        let mut cx = Context {
            form: respond::load_form(&self.endpoint, protocol, request.headers()),
            endpoint: Arc::clone(&self.endpoint),
            protocol,
            source: self.source,
            peer: self.peer.clone(),
            device: None,
            is_kin: false,
        };
        let (mut reply, is_cut) = match dispatch(&mut cx, request, &self.pace).await {
            Ok(reply) => (reply, false),
            Err(refusal) => (refuse(&cx, &refusal), refusal.outcome == Outcome::Malformed),
        };
        // One that leaves sends its devices away while it still serves: their next connection leads to another pod of the
        // node, if there is one.
        let is_leaving = cx.endpoint.drain.phase() >= Phase::Quiet;
        if cx.protocol == Protocol::Http1 && (is_cut || is_leaving) {
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        reply
    }
}

impl Context {
    /// Whom its request counts for.
    pub fn party(&self) -> Party {
        self.device.clone().map_or_else(|| Party::Source(self.source), Party::Device)
    }
}

impl hyper::service::Service<Request<body::Incoming>> for Requests {
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn call(&self, request: Request<body::Incoming>) -> Self::Future {
        let open = OpenRequest::begin(&self.pace);
        let requests = self.clone();
        Box::pin(async move {
            let reply = requests.answer(request.map(Incoming::Http2)).await;
            Ok(reply.map(|body| body.within(open)))
        })
    }
}

/// gRPC says so in its content type, with or without the form of the messages.
fn is_grpc(protocol: Protocol, request: &Request<Incoming>) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()?.strip_prefix(GRPC));
    protocol == Protocol::Http2
        && request.method() == Method::POST
        && kind.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

fn refuse(cx: &Context, refusal: &Refusal) -> Reply {
    tracing::debug!(outcome = refusal.outcome.word(), "refused");
    match cx.protocol {
        Protocol::Grpc => grpc::respond::refuse(&cx.endpoint, refusal, cx.form),
        Protocol::Http1 | Protocol::Http2 => respond::refuse(&cx.endpoint, refusal, cx.form),
    }
}

async fn dispatch(
    cx: &mut Context,
    mut request: Request<Incoming>,
    pace: &SharedPace,
) -> Result<Reply, Refusal> {
    check(cx, &mut request).map_err(|refusal| counted(cx, refusal))?;
    with(pace, Pace::let_in);
    if cx.protocol == Protocol::Grpc {
        return Box::pin(grpc::dispatch(cx, request)).await;
    }
    let target = find(cx, &request).map_err(|refusal| counted(cx, refusal))?;
    if cx.is_kin && matches!(target, Target::Infer | Target::Relay | Target::Resolve) {
        return Err(counted(cx, Outcome::Forbidden.into()));
    }
    match (target, cx.endpoint.upstream.clone()) {
        (Target::Infer, Some(upstream)) => infer::infer(cx, &upstream, request).await,
        (Target::Infer, None) => Err(counted(cx, Outcome::NotFound.into())),
        (Target::Relay, Some(upstream)) => Box::pin(relay::relay(cx, &upstream, &request)).await,
        (Target::Relay, None) => relay::readiness(cx, request.uri().path()),
        (Target::Load, _) => Ok(own::load(cx)),
        (Target::Endpoint, _) => Ok(own::endpoint(cx)),
        (Target::Policy, _) => own::policy(cx, request.headers()),
        (Target::Routes, _) => own::routes(cx).map_err(|refusal| counted(cx, refusal)),
        (Target::Resolve, _) => {
            Box::pin(resolve::resolve(cx, request)).await.map_err(|refusal| counted(cx, refusal))
        }
    }
}

/// A refusal of what is nothing here.
pub fn counted(cx: &Context, refusal: Refusal) -> Refusal {
    Ending::begin(&cx.endpoint, cx.protocol).finish(refusal.outcome);
    refusal
}

/// What is asked of every request, whatever it wants.
fn check(cx: &mut Context, request: &mut Request<Incoming>) -> Result<(), Refusal> {
    if cx.protocol != Protocol::Http1 {
        check_http2(cx, request)?;
    }
    let version = request.version();
    headers::mark(request.headers_mut(), version);
    let endpoint = &cx.endpoint;
    cx.is_kin = cx.peer.as_ref().is_some_and(|peer| peer.is_kin);
    if cx.is_kin {
        return Ok(());
    }
    cx.device = endpoint.auth.device(cx.peer.as_deref(), request.headers_mut(), endpoint.clock.now())?;
    Ok(())
}

fn find(cx: &Context, request: &Request<Incoming>) -> Result<Target, Refusal> {
    let target = Target::parse(request.uri().path(), &cx.endpoint.config.model.name)
        .ok_or_else(|| Refusal::from(Outcome::NotFound))?;
    if request.method().as_str() == target.method() {
        return Ok(target);
    }
    let status = Some(StatusCode::METHOD_NOT_ALLOWED);
    Err(Refusal { status, allow: Some(target.method()), ..Outcome::NotFound.into() })
}

/// What [`crate::proxy::http1::head`] checks for HTTP/1, as far as HTTP/2 leaves room for it.
fn check_http2(cx: &Context, request: &Request<Incoming>) -> Result<(), Refusal> {
    let headers = request.headers();
    if headers.len() > cx.endpoint.config.limits.headers {
        return Err(Refusal::with_status(Outcome::Malformed, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let mut hosts = headers.get_all(HOST).iter().map(HeaderValue::as_bytes);
    let is_ambiguous = match (authority, hosts.next(), hosts.next()) {
        (_, _, Some(_)) | (None, None, None) => true,
        (Some(authority), Some(host), None) => {
            !is_authority(authority) || !authority.eq_ignore_ascii_case(host)
        }
        (Some(one), None, None) | (None, Some(one), None) => !is_authority(one),
    };
    let has_body = request.method() == Method::GET && !request.body().is_end_stream();
    // In HTTP/1 such space is no part of a value, so that it would be another one behind here.
    let has_space = headers.values().any(|value| value.as_bytes().trim_ascii().len() < value.len());
    if is_ambiguous || has_body || has_space { Err(Outcome::Malformed.into()) } else { Ok(()) }
}

/// The declared length of a body.
pub fn content_length(request: &Request<Incoming>) -> Option<u64> {
    let value = request.headers().get(CONTENT_LENGTH)?.to_str().ok()?;
    value.parse().ok()
}
