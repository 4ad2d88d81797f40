//! The certificate that a connection was opened with, once TLS has verified it. In: its bytes. Out: the device that it
//! names. Names that are not a SPIFFE id count for nothing, the common name least of all: anything can stand there.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_cert::{
    Certificate,
    der::Decode,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use super::{Device, Doubt};

/// A verified certificate.
#[derive(Debug)]
pub struct Peer {
    device: Option<Device>,
    /// As a token's `x5t#S256` has it.
    pub thumbprint: String,
    /// Since the epoch.
    pub not_after: Duration,
    /// It is that of a sidecar of the same model.
    pub is_kin: bool,
}

impl Peer {
    /// One that cannot be read is none.
    pub fn read(bytes: &CertificateDer<'_>, is_kin: bool) -> Option<Self> {
        let certificate = Certificate::from_der(bytes).ok()?;
        Some(Self {
            device: name(&certificate).and_then(|name| Device::new(&name)),
            thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)),
            is_kin,
            not_after: certificate.tbs_certificate().validity().not_after.to_unix_duration(),
        })
    }

    /// The device that the certificate names.
    pub fn device(&self) -> Result<Device, Doubt> {
        self.device.clone().ok_or(Doubt::Nameless("the certificate has no single URI that is a SPIFFE id"))
    }
}

/// When a certificate begins to count, since the epoch.
pub fn not_before(bytes: &CertificateDer<'_>) -> Option<Duration> {
    let certificate = Certificate::from_der(bytes).ok()?;
    Some(certificate.tbs_certificate().validity().not_before.to_unix_duration())
}

fn name(certificate: &Certificate) -> Option<String> {
    let (_, names) = certificate.tbs_certificate().get_extension::<SubjectAltName>().ok()??;
    let mut uris = names.0.iter().filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str()),
        _ => None,
    });
    match (uris.next(), uris.next()) {
        (Some(uri), None) if is_spiffe(uri) => Some(uri.into()),
        _ => None,
    }
}

/// `spiffe://TRUST-DOMAIN/PATH`, in its strict form: one device has one spelling.
fn is_spiffe(uri: &str) -> bool {
    let Some((domain, path)) = uri.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let in_domain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !domain.is_empty()
        && domain.bytes().all(in_domain)
        && path.split('/').all(|word| !matches!(word, "" | "." | "..") && word.bytes().all(in_path))
}
