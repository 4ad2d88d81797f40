//! The requests of one HTTP/1 connection. In: heads. Out: answers as bytes. One task serves a connection: what waits for the
//! model server also hears that the client has left.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::Poll,
};

use bytes::{Buf, Bytes};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, DATE},
};
use hyper::body::Body as _;

use super::{
    date,
    head::{Head, keeps},
    wire::{End, Wire},
};
use crate::{
    endpoint::Endpoint,
    listen::pace::with,
    proxy::{
        answer::{OpenRequest, ReplyBody},
        incoming::Incoming,
        respond::Reply,
        route::Requests,
    },
};

/// What is gathered before it is written.
const GATHER_BYTES: usize = 16 << 10;

/// Serves one request after the other, to the end of the connection.
pub async fn serve(wire: &Wire, requests: &Requests) -> End {
    loop {
        let next = async {
            let head = poll_fn(|cx| wire.poll_head(cx)).await?;
            // On the heap: an idle connection has no room for a request.
            Box::pin(exchange(wire, requests, head)).await
        };
        if let Err(end) = next.await {
            return end;
        }
    }
}

/// What the answer depends on.
struct Asked {
    is_head: bool,
    version: Version,
    keeps: bool,
}

async fn exchange(wire: &Wire, requests: &Requests, head: Head) -> Result<(), End> {
    let _open = OpenRequest::begin(&requests.pace);
    let asked = Asked {
        is_head: head.request.method() == Method::HEAD,
        version: head.request.version(),
        keeps: head.keeps,
    };
    let request = head.request.map(|()| Incoming::Http1(wire.clone()));
    let mut answering = pin!(async {
        let reply = requests.answer(request).await;
        write(wire, requests, reply, asked).await
    });
    let mut left = pin!(wire.left());
    poll_fn(|cx| match answering.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(result),
        Poll::Pending => left.as_mut().poll(cx).map(|()| Err(End::Broken)),
    })
    .await
}

/// How an answer's body is framed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

async fn write(wire: &Wire, requests: &Requests, reply: Reply, asked: Asked) -> Result<(), End> {
    let (parts, mut body) = reply.into_parts();
    let frame = frame(parts.status, asked.version, &body);
    let is_read = wire.discard();
    if !is_read {
        with(&requests.pace, |pace| pace.left_unread());
    }
    let goes_on = asked.keeps
        && is_read
        && frame != Frame::UntilClose
        && !wire.is_leaving()
        && keeps(Version::HTTP_11, &parts.headers);
    let mut out = head(&requests.endpoint, parts.status, &parts.headers, frame);
    out.extend_from_slice(match (goes_on, asked.version) {
        (false, _) => b"connection: close\r\n\r\n",
        (true, Version::HTTP_10) => b"connection: keep-alive\r\n\r\n",
        (true, _) => b"\r\n",
    });
    if asked.is_head || frame == Frame::None {
        write_all(wire, &out[..]).await?;
    } else {
        write_body(wire, out, &mut body, frame == Frame::Chunked).await?;
    }
    poll_fn(|cx| wire.poll_flush(cx)).await?;
    if goes_on { Ok(()) } else { Err(End::Clean) }
}

fn frame(status: StatusCode, version: Version, body: &ReplyBody) -> Frame {
    match body.size_hint().exact() {
        _ if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => Frame::None,
        Some(length) => Frame::Length(length),
        None if version == Version::HTTP_10 => Frame::UntilClose,
        None => Frame::Chunked,
    }
}

fn head(endpoint: &Endpoint, status: StatusCode, headers: &HeaderMap, frame: Frame) -> Vec<u8> {
    const ROOM: usize = 1024;
    let mut out = Vec::with_capacity(ROOM);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    append(&mut out, headers, |name| *name != CONNECTION && *name != CONTENT_LENGTH);
    match frame {
        Frame::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            decimal(&mut out, length);
            out.extend_from_slice(b"\r\n");
        }
        Frame::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Frame::None | Frame::UntilClose => {}
    }
    if !headers.contains_key(DATE) {
        out.extend_from_slice(b"date: ");
        date::append(&mut out, endpoint.clock.now());
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Appends header lines.
pub fn append(out: &mut Vec<u8>, headers: &HeaderMap, wanted: impl Fn(&HeaderName) -> bool) {
    for (name, value) in headers.iter().filter(|(name, _)| wanted(name)) {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(HeaderValue::as_bytes(value));
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a number.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    let digits = number.checked_ilog10().unwrap_or(0);
    out.extend((0..=digits).rev().map(|at| b'0' + (number / 10u64.pow(at) % 10) as u8));
}

/// Writes what has been gathered as soon as the body keeps us waiting, and with its end.
async fn write_body(
    wire: &Wire,
    mut out: Vec<u8>,
    body: &mut ReplyBody,
    is_chunked: bool,
) -> Result<(), End> {
    loop {
        let at_once = poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx))).await;
        let frame = match at_once {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                write_all(wire, &out[..]).await?;
                poll_fn(|cx| wire.poll_flush(cx)).await?;
                out.clear();
                poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
            }
        };
        let Some(frame) = frame else { break };
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(_) => {
                // What has come goes out, so that the end of it is seen as a cut.
                write_all(wire, &out[..]).await?;
                poll_fn(|cx| wire.poll_flush(cx)).await?;
                return Err(End::Broken);
            }
        };
        if data.is_empty() {
            continue;
        }
        if is_chunked {
            out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        }
        gather(wire, &mut out, data).await?;
        if is_chunked {
            out.extend_from_slice(b"\r\n");
        }
    }
    if is_chunked {
        out.extend_from_slice(b"0\r\n\r\n");
    }
    write_all(wire, &out[..]).await.map_err(End::from)
}

/// Short pieces go out together, a long one without being copied.
async fn gather(wire: &Wire, out: &mut Vec<u8>, data: Bytes) -> io::Result<()> {
    if out.len() + data.len() <= GATHER_BYTES {
        out.extend_from_slice(&data);
        return Ok(());
    }
    write_all(wire, out.chain(data)).await?;
    out.clear();
    Ok(())
}

async fn write_all(wire: &Wire, mut bytes: impl Buf) -> io::Result<()> {
    poll_fn(|cx| wire.poll_write(cx, &mut bytes)).await
}
