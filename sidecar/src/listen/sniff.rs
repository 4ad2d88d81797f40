//! Which protocol a connection speaks. In: a fresh connection. Out: the protocol and the bytes already read. A silent
//! peer and half an HTTP/2 preface both leave it waiting; whoever asks sets the limit.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection speaks, and what a request in it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2 by prior knowledge.
    Http2,
    /// gRPC over it. Only a request shows that.
    Grpc,
}

/// The first bytes and what they mean.
#[derive(Debug)]
pub struct Sniffed {
    pub protocol: Protocol,
    pub bytes: Vec<u8>,
}

/// Reads until the preface is complete or impossible.
pub async fn sniff(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Sniffed> {
    let mut bytes = Vec::with_capacity(PREFACE.len());
    loop {
        if bytes.len() == PREFACE.len() {
            return Ok(Sniffed { protocol: Protocol::Http2, bytes });
        }
        let left = PREFACE.len() - bytes.len();
        if (&mut *stream).take(left as u64).read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !PREFACE.starts_with(&bytes) {
            return Ok(Sniffed { protocol: Protocol::Http1, bytes });
        }
    }
}
