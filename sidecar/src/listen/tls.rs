//! TLS of the offload endpoint. In: files and an accepted socket. Out: a stream, the protocol that was agreed on and the
//! certificate that was shown.
//!
//! No early data: it can be replayed. No resumption: every connection is judged by the certificates of its own moment. A
//! device that shows no certificate gets as far as an answer that says so.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::CertificateDer,
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use trust::{Clock, Watched, about, pem};
use wire::config::{self, TlsVersion};

use super::{sniff::Protocol, transport::Socket};
use crate::{
    auth::peer::{self, Peer},
    peers::kin::{self, Kin, Visitors},
};

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// What handshakes need.
pub struct Tls {
    files: Watched<Arc<ServerConfig>>,
    kin: Option<Arc<Kin>>,
    /// An authority vouches for the certificates of devices.
    believes_devices: bool,
}

/// What a handshake brought.
pub struct Agreement {
    pub stream: Box<TlsStream<Socket>>,
    pub protocol: Protocol,
    pub peer: Option<Peer>,
}

impl Tls {
    /// Reads the files for the first time; an error names one.
    pub fn load(config: config::Tls, clock: Arc<Clock>, kin: Option<Arc<Kin>>) -> Result<Self, String> {
        let files = [Some(&config.certificate_file), Some(&config.key_file), config.client_ca_file.as_ref()];
        let paths = files.into_iter().flatten().map(PathBuf::from).collect();
        let (family, believes_devices) = (kin.clone(), config.client_ca_file.is_some());
        let files = Watched::load(paths, move || read(&config, &clock, family.as_ref()))?;
        Ok(Self { files, kin, believes_devices })
    }

    /// One handshake.
    pub async fn accept(&self, socket: Socket) -> io::Result<Agreement> {
        let config = self.files.get().expect("the files were read at the start");
        let keys = self.kin.as_ref().map(|kin| kin.keys());
        let stream = Box::new(TlsAcceptor::from(config).accept(socket).await?);
        let (_, session) = stream.get_ref();
        let is_http2 = session.alpn_protocol() == Some(HTTP2);
        let peer = session.peer_certificates().and_then(|chain| self.peer(chain.first()?, keys.as_deref()));
        Ok(Agreement { stream, protocol: if is_http2 { Protocol::Http2 } else { Protocol::Http1 }, peer })
    }

    /// How a sibling is dialled, after so many tries in vain.
    pub fn dial(&self, tries: usize) -> Option<Arc<ClientConfig>> {
        // They are read by whoever asks for them.
        drop(self.files.get());
        self.kin.as_ref()?.dial(tries)
    }

    /// Whose certificate it is, where somebody vouches for it. The keys of siblings must have been the same before the
    /// handshake and after: as what the handshake judged it is not told, and a renewal can come between.
    fn peer(&self, certificate: &CertificateDer<'_>, before: Option<&[kin::Key]>) -> Option<Peer> {
        let was_kin =
            kin::key_of(certificate).is_some_and(|key| before.is_some_and(|keys| keys.contains(&key)));
        let is_kin = self.kin.as_ref().is_some_and(|kin| kin.is_kin(certificate));
        let is_device = self.believes_devices && !is_kin;
        (was_kin == is_kin && (is_kin || is_device)).then(|| Peer::read(certificate, is_kin)).flatten()
    }
}

fn read(
    config: &config::Tls,
    clock: &Arc<Clock>,
    kin: Option<&Arc<Kin>>,
) -> Result<Arc<ServerConfig>, String> {
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
            .with_client_cert_verifier(visitors(config.client_ca_file.as_deref(), kin)?)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(|error| about(config.certificate_file.as_ref(), &error))?;
    server.alpn_protocols = vec![HTTP2.into(), HTTP1.into()];
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    if let Some(kin) = kin {
        kin.renew(chain, key).map_err(|error| about(config.certificate_file.as_ref(), &error))?;
    }
    Ok(Arc::new(server))
}

/// Asks for certificates where there may be siblings, or an authority is named for devices.
fn visitors(
    authorities: Option<&str>,
    kin: Option<&Arc<Kin>>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let devices = authorities.map(devices).transpose()?;
    Ok(match (kin, devices) {
        (Some(kin), devices) => Visitors::new(Arc::clone(kin), devices),
        (None, Some(devices)) => devices,
        (None, None) => WebPkiClientVerifier::no_client_auth(),
    })
}

fn devices(file: &str) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let roots = pem::authorities(file.as_ref())?;
    WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::new(ring::default_provider()))
        .allow_unauthenticated()
        .build()
        .map_err(|error| about(file.as_ref(), &error))
}
