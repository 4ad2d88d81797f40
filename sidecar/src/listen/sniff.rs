//! Which protocol a connection speaks, within the time for its first byte. In: a fresh connection. Out: the protocol and
//! the bytes already read, or nothing: closed. A silent peer and half an HTTP/2 preface both end at the deadline.

use std::io;

use tokio::{io::AsyncReadExt, net::TcpStream, time::Instant};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2 by prior knowledge.
    Http2,
}

/// The first bytes and what they mean.
#[derive(Debug)]
pub struct Sniffed {
    pub protocol: Protocol,
    pub bytes: Vec<u8>,
}

/// Reads until the preface is complete or impossible.
pub async fn sniff(stream: &mut TcpStream, deadline: Instant) -> io::Result<Sniffed> {
    tokio::time::timeout_at(deadline, read(stream))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn read(stream: &mut TcpStream) -> io::Result<Sniffed> {
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
