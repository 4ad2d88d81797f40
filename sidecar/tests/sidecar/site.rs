//! A site's authority, and the certificates that it signs.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use ring::digest::{SHA256, digest};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    time_provider::{DefaultTimeProvider, TimeProvider},
};
use serde_json::{Value, json};

/// The authority of most tests.
pub static SITE: LazyLock<Site> = LazyLock::new(|| Site::new("site"));

/// The name that clients dial.
pub fn host() -> ServerName<'static> {
    "localhost".try_into().unwrap()
}

pub struct Site {
    authority: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Site {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self { authority: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// What a sidecar shows.
    pub fn server(&self) -> Identity {
        self.sign(&self.server_params())
    }

    pub fn server_params(&self) -> CertificateParams {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params
    }

    /// What a device shows.
    pub fn device(&self, uris: &[&str]) -> Identity {
        self.sign(&device(uris))
    }

    /// Its own certificate, as a sidecar takes it.
    pub fn authority_file(&self, folder: &Path) -> PathBuf {
        let file = folder.join("device-ca.crt");
        std::fs::write(&file, self.authority.pem()).unwrap();
        file
    }

    pub fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        Identity { certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }

    /// A client that trusts the site and shows nothing.
    pub fn client(&self) -> ClientConfig {
        self.client_with(rustls::DEFAULT_VERSIONS)
    }

    pub fn client_with(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }

    /// A client that shows a certificate.
    pub fn client_showing(&self, identity: &Identity) -> ClientConfig {
        self.client_at(Arc::new(DefaultTimeProvider), identity)
    }

    /// One whose clock says what it is told.
    pub fn client_at(&self, clock: Arc<dyn TimeProvider>, identity: &Identity) -> ClientConfig {
        let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
        ClientConfig::builder_with_details(Arc::new(default_provider()), clock)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots())
            .with_client_auth_cert(vec![identity.certificate.clone()], key)
            .unwrap()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        roots
    }
}

/// The same but for one change.
pub fn altered(
    mut params: CertificateParams,
    change: impl FnOnce(&mut CertificateParams),
) -> CertificateParams {
    change(&mut params);
    params
}

/// A device's certificate; its common name is always the same.
pub fn device(uris: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "camera-1");
    params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

impl Identity {
    /// As a token's `x5t#S256` has it.
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.certificate))
    }

    /// Writes both into a folder; returns the keys of the configuration.
    pub fn files(&self, folder: &Path) -> Value {
        let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
        std::fs::write(&certificate, &self.pem).unwrap();
        std::fs::write(&key, self.key.serialize_pem()).unwrap();
        json!({"certificateFile": certificate, "keyFile": key})
    }
}
