//! Whether a certificate is an endpoint's. In: the certificate, the name that was dialled, and a clock that may never have
//! been set. Out: yes, or why not.
//!
//! A clock below its floor is certainly wrong. Then a certificate that begins later than the floor is judged at the moment
//! when it begins: an authority of the site says that this moment has been. Everything else about it must hold.

use std::{sync::Arc, time::Duration};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use trust::Clock;

/// The site's authorities, and the clock that they may correct.
#[derive(Debug)]
pub(super) struct Verifier {
    authorities: Arc<WebPkiServerVerifier>,
    clock: Arc<Clock>,
}

impl Verifier {
    pub(super) const fn new(authorities: Arc<WebPkiServerVerifier>, clock: Arc<Clock>) -> Self {
        Self { authorities, clock }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        signers: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut moment = now;
        loop {
            match self.authorities.verify_server_cert(certificate, signers, name, ocsp, moment) {
                // Each round is later than the one before, and a chain has few beginnings.
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                    not_before, ..
                })) if moment < not_before && self.clock.is_behind() => moment = not_before,
                Err(error) => return Err(error),
                Ok(verified) => {
                    if now < moment {
                        self.clock.has_been(Duration::from_secs(moment.as_secs()));
                    }
                    return Ok(verified);
                }
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
