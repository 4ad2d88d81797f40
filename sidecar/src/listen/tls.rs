//! TLS of the offload endpoint. In: files and an accepted socket. Out: a stream, the protocol that was agreed on and the
//! certificate that was shown.
//!
//! No early data: it can be replayed. No resumption: every connection is judged by the certificates of its own moment. A
//! device that shows no certificate gets as far as an answer that says so.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use trust::{Clock, Watched, about, pem};
use wire::config::{self, TlsVersion};

use super::{sniff::Protocol, transport::Socket};
use crate::auth::peer::{self, Peer};

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// What handshakes need.
pub struct Tls {
    files: Watched<Arc<ServerConfig>>,
}

/// What a handshake brought.
pub struct Agreement {
    pub stream: Box<TlsStream<Socket>>,
    pub protocol: Protocol,
    pub peer: Option<Peer>,
}

impl Tls {
    /// Reads the files for the first time; an error names one.
    pub fn load(config: config::Tls, clock: Arc<Clock>) -> Result<Self, String> {
        let files = [Some(&config.certificate_file), Some(&config.key_file), config.client_ca_file.as_ref()];
        let paths = files.into_iter().flatten().map(PathBuf::from).collect();
        Ok(Self { files: Watched::load(paths, move || server(&config, &clock))? })
    }

    /// One handshake.
    pub async fn accept(&self, socket: Socket) -> io::Result<Agreement> {
        let config = self.files.get().expect("the files were read at the start");
        let stream = Box::new(TlsAcceptor::from(config).accept(socket).await?);
        let (_, session) = stream.get_ref();
        let is_http2 = session.alpn_protocol() == Some(HTTP2);
        let peer = session.peer_certificates().and_then(|chain| Peer::read(chain.first()?));
        Ok(Agreement { stream, protocol: if is_http2 { Protocol::Http2 } else { Protocol::Http1 }, peer })
    }
}

fn server(config: &config::Tls, clock: &Arc<Clock>) -> Result<Arc<ServerConfig>, String> {
    let chain = pem::certificates(config.certificate_file.as_ref())?;
    let key = pem::key(config.key_file.as_ref())?;
    if let Some(began) = chain.first().and_then(peer::not_before) {
        clock.has_been(began);
    }
    let versions: &[&SupportedProtocolVersion] = match config.minimum_version {
        TlsVersion::V1_3 => &[&TLS13],
        TlsVersion::V1_2 => &[&TLS13, &TLS12],
    };
    let mut server =
        ServerConfig::builder_with_details(Arc::new(ring::default_provider()), Arc::clone(clock) as _)
            .with_protocol_versions(versions)
            .expect("ring has suites for both versions")
            .with_client_cert_verifier(devices(config.client_ca_file.as_deref())?)
            .with_single_cert(chain, key)
            .map_err(|error| about(config.certificate_file.as_ref(), &error))?;
    server.alpn_protocols = vec![HTTP2.into(), HTTP1.into()];
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok(Arc::new(server))
}

/// Asks for certificates where an authority is named.
fn devices(authorities: Option<&str>) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let Some(file) = authorities else { return Ok(WebPkiClientVerifier::no_client_auth()) };
    let roots = pem::authorities(file.as_ref())?;
    WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::new(ring::default_provider()))
        .allow_unauthenticated()
        .build()
        .map_err(|error| about(file.as_ref(), &error))
}
