//! One connection from its first byte to its last. In: an accepted socket. Out: its requests, handed to
//! [`crate::proxy::route`]; it answers itself only what never became a request.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Sleep, sleep_until, timeout},
};
use wire::Outcome;

use super::{
    open::{Opened, open, prepare},
    pace::{SharedPace, Verdict, with},
    sniff::Protocol,
    transport::{Socket, Transport},
    watched::Watched,
};
use admission::party::Source;

use crate::{
    drain::Phase,
    endpoint::Endpoint,
    proxy::{
        http1::{
            head::Fault,
            serve,
            wire::{Bounds, End, Wire},
        },
        respond,
        route::Requests,
    },
};

/// Window of a whole HTTP/2 connection: sixteen streams at full speed.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// What hyper may hold of one answer before the peer takes it.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// How much of a refused body is read and thrown away, and for how long.
const LINGER_BYTES_MAX: usize = 1 << 20;
const LINGER_MAX: Duration = Duration::from_secs(2);
/// How long an HTTP/2 peer has to notice that the connection ends.
const GOAWAY_MAX: Duration = Duration::from_secs(1);

/// Serves a connection to its end.
pub async fn serve(stream: TcpStream, source: Source, pace: SharedPace, endpoint: &Arc<Endpoint>) {
    if let Err(error) = prepare(&stream, &endpoint.config.limits) {
        return tracing::debug!(%error, "connection is gone");
    }
    let opened = match open(Socket::new(stream, Arc::clone(&pace)), endpoint).await {
        Ok(opened) => opened,
        Err(error) => return tracing::debug!(%error, "connection did not begin"),
    };
    with(&pace, |pace| pace.opened(Instant::now()));
    let peer = opened.peer.clone();
    let requests = Requests::new(Arc::clone(endpoint), opened.protocol, source, peer, Arc::clone(&pace));
    match opened.protocol {
        // On the heap each: an idle connection pays for its own protocol only.
        Protocol::Http1 => Box::pin(serve_http1(opened, pace, requests, endpoint)).await,
        Protocol::Http2 | Protocol::Grpc => Box::pin(serve_http2(opened, pace, requests, endpoint)).await,
    }
}

async fn serve_http1(opened: Opened, pace: SharedPace, requests: Requests, endpoint: &Arc<Endpoint>) {
    let limits = &endpoint.config.limits;
    let bounds = Bounds { headers_max: limits.headers, header_bytes_max: limits.header_bytes };
    let wire = Wire::new(opened.transport, opened.bytes, bounds, Arc::clone(&pace));
    let mut ended = None;
    let late = {
        let mut serving = pin!(serve::serve(&wire, &requests));
        // A connection that idles through the drain still gets an answer when it asks, not a reset.
        supervise(&pace, endpoint, Phase::Stopping, |cx, leaving| {
            if leaving {
                wire.leave();
            }
            serving.as_mut().poll(cx).map(|end| ended = Some(end))
        })
        .await
    };
    let (Some(mut transport), is_answering) =
        (wire.into_transport(), with(&pace, |pace| pace.is_answering()))
    else {
        return;
    };
    match (ended, late) {
        (Some(End::Fault(fault)), _) | (None, Some(Verdict::Fault(fault))) if !is_answering => {
            answer_fault(&mut transport, fault, endpoint).await;
            Box::pin(linger(transport)).await;
        }
        _ if with(&pace, |pace| pace.must_linger()) => Box::pin(linger(transport)).await,
        (Some(End::Clean), _) | (_, Some(Verdict::Idle)) => transport.close().await,
        _ => {}
    }
}

async fn serve_http2(opened: Opened, pace: SharedPace, requests: Requests, endpoint: &Arc<Endpoint>) {
    let limits = &endpoint.config.limits;
    let io = TokioIo::new(Watched::new(opened.transport, opened.bytes, Arc::clone(&pace)));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(limits.stream_window_bytes)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.keep_alive)
        .keep_alive_timeout(limits.keep_alive_timeout)
        .serve_connection(io, requests);
    let mut connection = pin!(connection);
    // As in HTTP/1, a device is sent away while it is still served; one that came later found no other pod, and one that
    // comes last of all still gets a refusal to its first request.
    let leave_at = match endpoint.drain.phase() {
        Phase::Serving => Phase::Quiet,
        Phase::Quiet => Phase::Refusing,
        Phase::Refusing | Phase::Drained | Phase::Stopping => Phase::Stopping,
    };
    let end = supervise(&pace, endpoint, leave_at, |cx, leaving| {
        let polled = connection.as_mut().poll(cx);
        if !leaving || polled.is_ready() {
            return polled.map(|_| ());
        }
        // Only after that: before its handshake, which takes one poll, hyper would close the connection without a word.
        connection.as_mut().graceful_shutdown();
        connection.as_mut().poll(cx).map(|_| ())
    })
    .await;
    if end == Some(Verdict::Idle) {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(GOAWAY_MAX, connection).await;
    }
}

/// Drives a connection until it ends by itself (`None`) or must be ended; asks it to leave at a phase of the drain.
async fn supervise(
    pace: &SharedPace,
    endpoint: &Arc<Endpoint>,
    leave_at: Phase,
    mut poll: impl FnMut(&mut Context<'_>, bool) -> Poll<()>,
) -> Option<Verdict> {
    let mut timer: Pin<Box<Sleep>> = Box::pin(sleep_until(tokio::time::Instant::now()));
    let mut leave = pin!(endpoint.drain.reached(leave_at));
    let mut left = false;
    poll_fn(move |cx| {
        let leaving = !left && leave.as_mut().poll(cx).is_ready();
        left |= leaving;
        if poll(cx, leaving).is_ready() {
            return Poll::Ready(None);
        }
        loop {
            match with(pace, |pace| pace.verdict(Instant::now())) {
                Verdict::Fine(until) => {
                    let until = tokio::time::Instant::from_std(until);
                    if until < timer.deadline() || timer.is_elapsed() {
                        timer.as_mut().reset(until);
                    }
                }
                verdict => return Poll::Ready(Some(verdict)),
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

async fn answer_fault(stream: &mut Transport, fault: Fault, endpoint: &Endpoint) {
    tracing::debug!(rule = fault.reason(), "malformed request");
    endpoint.metrics.count(Outcome::Malformed, Protocol::Http1);
    let bytes: Bytes = respond::raw_fault(endpoint, fault);
    let _ = timeout(LINGER_MAX, stream.write_all(&bytes)).await;
}

/// Closes our side, then reads and drops what is still coming, within bounds: closing with unread bytes in the socket
/// would reset the connection and destroy the answer on its way.
async fn linger(mut stream: Transport) {
    let swallow = async {
        let _ = stream.shutdown().await;
        let mut buffer = [0; 4096];
        let mut left = LINGER_BYTES_MAX;
        while let Ok(taken @ 1..) = stream.read(&mut buffer).await {
            left = left.saturating_sub(taken);
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(LINGER_MAX, swallow).await;
}
