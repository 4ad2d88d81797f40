//! How sidecars of one model know each other over TLS. In: the files of the endpoint's own certificate. Out: whether a
//! certificate is a sibling's, and how to dial one.
//!
//! All pods of an offload mount one certificate, so a sibling is whoever proves that it holds the key of that. No authority
//! is asked: none of them signs for the addresses of pods. After a renewal the key before the newest counts too, since
//! pods do not get the new files in the same moment.

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
    /// Hashes of the public keys, the newest last.
    keys: Mutex<Vec<[u8; 32]>>,
}

impl Kin {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { provider: Arc::new(ring::default_provider()), keys: Mutex::default() })
    }

    /// The endpoint has this certificate now.
    pub fn renew(&self, own: &CertificateDer<'_>) {
        const KEYS_MAX: usize = 2;
        let Some(key) = key_of(own) else { return };
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|known| *known != key);
        keys.push(key);
        let surplus = keys.len().saturating_sub(KEYS_MAX);
        keys.drain(..surplus);
    }

    /// Whether it is a sibling's, if whoever shows it can sign with it.
    pub fn is_kin(&self, certificate: &CertificateDer<'_>) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        key_of(certificate).is_some_and(|key| keys.contains(&key))
    }

    /// How a sibling is dialled, with the own certificate to show.
    pub fn dial(
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

fn key_of(certificate: &CertificateDer<'_>) -> Option<[u8; 32]> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info().to_der().ok()?;
    Some(Sha256::digest(key).into())
}

/// The same for both ends of a connection.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
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

    signatures!();
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
        // With hints a sibling would not show a certificate that none of these authorities signed.
        &[]
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

    signatures!();
}
