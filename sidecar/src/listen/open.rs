//! How a connection begins. In: an accepted socket. Out: its bytes, its protocol and what was read ahead of it, or
//! nothing: closed. Handshake and first byte have a limit each.

use std::{io, sync::Arc, time::Duration};

use rustix::net::sockopt;
use tokio::{net::TcpStream, time::timeout};

use super::{
    sniff::{Protocol, sniff},
    transport::{Socket, Transport},
};
use crate::{auth::peer::Peer, config::Limits, endpoint::Endpoint};

/// A connection that speaks.
pub struct Opened {
    pub transport: Transport,
    pub protocol: Protocol,
    /// Whose certificate it was opened with.
    pub peer: Option<Arc<Peer>>,
    /// Its first bytes.
    pub bytes: Vec<u8>,
}

/// What is asked of the socket. It fails only where the peer has left.
pub fn prepare(stream: &TcpStream, limits: &Limits) -> io::Result<()> {
    // Without it a small answer waits for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, limits.keep_alive)?;
    sockopt::set_tcp_keepintvl(stream, limits.keep_alive_timeout)?;
    // Also where an answer is on its way: then the kernel would try for a quarter of an hour.
    let milliseconds = u32::try_from(limits.keep_alive_timeout.as_millis()).unwrap_or(u32::MAX);
    Ok(sockopt::set_tcp_user_timeout(stream, milliseconds)?)
}

/// Waits for the peer's first words.
pub async fn open(socket: Socket, endpoint: &Endpoint) -> io::Result<Opened> {
    let limits = &endpoint.config.limits;
    let (mut transport, agreed, peer) = match &endpoint.tls {
        None => (Transport::Plain(socket), None, None),
        Some(tls) => {
            // On the heap: it is long gone when the connection idles.
            let agreement = within(limits.tls_handshake_max, Box::pin(tls.accept(socket))).await?;
            (Transport::Tls(agreement.stream), Some(agreement.protocol), agreement.peer.map(Arc::new))
        }
    };
    let sniffed = within(limits.first_byte_max, sniff(&mut transport)).await?;
    // What the handshake agreed on holds, whatever the first bytes look like.
    Ok(Opened { transport, protocol: agreed.unwrap_or(sniffed.protocol), peer, bytes: sniffed.bytes })
}

async fn within<T>(time: Duration, step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(time, step).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
