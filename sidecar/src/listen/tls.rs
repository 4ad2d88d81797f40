//! TLS of the offload endpoint. In: files and an accepted socket. Out: a stream and the protocol that was agreed on.
//!
//! No early data: it can be replayed. No resumption: every connection is judged by the certificates of its own moment.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::NoServerSessionStorage,
    version::{TLS12, TLS13},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use wire::config::{self, TlsVersion};

use super::{sniff::Protocol, transport::Socket};
use crate::watched::{Watched, about};

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// What handshakes need.
pub struct Tls {
    files: Watched<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files for the first time; an error names one.
    pub fn load(config: config::Tls) -> Result<Self, String> {
        let paths = [&config.certificate_file, &config.key_file].map(PathBuf::from).to_vec();
        Ok(Self { files: Watched::load(paths, move || server(&config))? })
    }

    /// One handshake.
    pub async fn accept(&self, socket: Socket) -> io::Result<(Box<TlsStream<Socket>>, Protocol)> {
        let config = self.files.get().expect("the files were read at the start");
        let stream = TlsAcceptor::from(config).accept(socket).await?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
        Ok((Box::new(stream), if is_http2 { Protocol::Http2 } else { Protocol::Http1 }))
    }
}

fn server(config: &config::Tls) -> Result<Arc<ServerConfig>, String> {
    let file = config.certificate_file.as_ref();
    let chain = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| about(file, &error))?;
    let key = PrivateKeyDer::from_pem_file(&config.key_file)
        .map_err(|error| about(config.key_file.as_ref(), &error))?;
    let versions: &[&SupportedProtocolVersion] = match config.minimum_version {
        TlsVersion::V1_3 => &[&TLS13],
        TlsVersion::V1_2 => &[&TLS13, &TLS12],
    };
    let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("ring has suites for both versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| about(file, &error))?;
    server.alpn_protocols = vec![HTTP2.into(), HTTP1.into()];
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok(Arc::new(server))
}
