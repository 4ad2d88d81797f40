//! How sidecars of one model know each other over TLS. In: the files of the endpoint's own certificate. Out: whether a
//! certificate is a sibling's, and how to dial one.
//!
//! All pods of an offload mount one certificate, so a sibling is whoever proves that it holds the key of that. No authority
//! is asked: none of them signs for the addresses of pods. After a renewal the key before the newest counts too, and is shown
//! to those who do not know the newest, since pods do not get the new files in the same moment.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
    version::TLS13,
};
use sha2::{Digest as _, Sha256};
use x509_cert::{
    Certificate,
    der::{Decode, Encode},
};

/// The keys of the family.
#[derive(Debug)]
pub struct Kin {
    provider: Arc<CryptoProvider>,
    /// The newest last.
    members: Mutex<Vec<Member>>,
}

/// A certificate that all of them have, or had.
#[derive(Clone, Debug)]
struct Member {
    key: Key,
    dial: Arc<ClientConfig>,
}

/// Hash of a public key.
pub type Key = [u8; 32];

impl Kin {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { provider: Arc::new(ring::default_provider()), members: Mutex::default() })
    }

    /// The endpoint has this certificate now.
    pub fn renew(
        self: &Arc<Self>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), Error> {
        const MEMBERS_MAX: usize = 2;
        let Some(public) = chain.first().and_then(key_of) else {
            return Err(Error::General("its public key cannot be read".into()));
        };
        let dial = self.client(chain, key)?;
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|known| known.key != public);
        members.push(Member { key: public, dial });
        let surplus = members.len().saturating_sub(MEMBERS_MAX);
        members.drain(..surplus);
        Ok(())
    }

    /// Whether it is a sibling's, if whoever shows it can sign with it.
    pub fn is_kin(&self, certificate: &CertificateDer<'_>) -> bool {
        key_of(certificate).is_some_and(|key| self.keys().contains(&key))
    }

    /// The keys as they are now.
    pub fn keys(&self) -> Vec<Key> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|member| member.key).collect()
    }

    /// How a sibling is dialled: with the newest certificate, every other try with the one before.
    pub fn dial(&self, tries: usize) -> Option<Arc<ClientConfig>> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let back = tries % members.len().max(1);
        members.iter().rev().nth(back).map(|member| Arc::clone(&member.dial))
    }

    fn client(
        self: &Arc<Self>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Arc<ClientConfig>, Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(self) as _)
            .with_client_auth_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".into()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Arc::new(config))
    }
}

/// Whose key it is, by its hash.
pub fn key_of(certificate: &CertificateDer<'_>) -> Option<Key> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info().to_der().ok()?;
    Some(Sha256::digest(key).into())
}

/// The same for both ends of a connection. Where nothing rests on a certificate, it need not be one that can be judged.
macro_rules! signatures {
    ($self:ident, $certificate:ident, $nothing_rests:expr) => {
        fn verify_tls12_signature(
            &$self,
            message: &[u8],
            $certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            if $nothing_rests {
                return Ok(HandshakeSignatureValid::assertion());
            }
            let algorithms = &$self.provider.signature_verification_algorithms;
            verify_tls12_signature(message, $certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &$self,
            message: &[u8],
            $certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            if $nothing_rests {
                return Ok(HandshakeSignatureValid::assertion());
            }
            let algorithms = &$self.provider.signature_verification_algorithms;
            verify_tls13_signature(message, $certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&$self) -> Vec<SignatureScheme> {
            $self.provider.signature_verification_algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for Kin {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.is_kin(certificate) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::General("the certificate is not that of this model's sidecars".into()))
        }
    }

    signatures!(self, certificate, false);
}

/// Asks whoever connects for a certificate: siblings show theirs, and devices what `devices` believes. Where no authority
/// is named, what a device shows counts for nothing, and it is let in as if it had shown none.
#[derive(Debug)]
pub struct Visitors {
    provider: Arc<CryptoProvider>,
    kin: Arc<Kin>,
    devices: Option<Arc<dyn ClientCertVerifier>>,
}

impl Visitors {
    pub fn new(kin: Arc<Kin>, devices: Option<Arc<dyn ClientCertVerifier>>) -> Arc<Self> {
        Arc::new(Self { provider: Arc::clone(&kin.provider), kin, devices })
    }
}

impl ClientCertVerifier for Visitors {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Siblings show theirs whatever is hinted at.
        self.devices.as_ref().map_or(&[], |devices| devices.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match &self.devices {
            Some(devices) if !self.kin.is_kin(certificate) => {
                devices.verify_client_cert(certificate, intermediates, now)
            }
            _ => Ok(ClientCertVerified::assertion()),
        }
    }

    signatures!(self, certificate, self.devices.is_none() && !self.kin.is_kin(certificate));
}
