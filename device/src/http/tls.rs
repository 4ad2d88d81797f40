//! TLS towards endpoints. In: files that may be replaced at any time. Out: what a handshake needs, and the token that goes
//! with each request. Nothing of it is ever used over a connection in the clear.

use std::{path::PathBuf, sync::Arc};

use http::HeaderValue;
use rustls::{
    ClientConfig,
    client::{Resumption, WebPkiServerVerifier},
    crypto::ring,
};
use trust::{Clock, Watched, about, pem};

use super::verifier::Verifier;

/// The files that `https://` endpoints are judged by, and what they are shown. All are read again when they change.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificates of the authorities that sign for endpoints, PEM.
    pub authorities: PathBuf,
    /// The device's certificate followed by those that signed for it, and its private key, both PEM. None is shown without.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// A bearer token. None is sent without.
    pub token: Option<PathBuf>,
}

/// The same, read.
pub(crate) struct Tls {
    client: Watched<Arc<ClientConfig>>,
    token: Option<Watched<HeaderValue>>,
}

impl Tls {
    /// Reads the files for the first time; an error names one.
    pub(crate) fn load(files: TlsFiles, clock: Arc<Clock>) -> Result<Self, String> {
        let mut paths = vec![files.authorities.clone()];
        paths.extend(files.identity.iter().flat_map(|(certificate, key)| [certificate.clone(), key.clone()]));
        let token = files.token.clone().map(|file| Watched::load(vec![file.clone()], move || bearer(&file)));
        Ok(Self { client: Watched::load(paths, move || client(&files, &clock))?, token: token.transpose()? })
    }

    /// For the next handshake. It is another value once the files have changed.
    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        self.client.get().expect("the files were read at the start")
    }

    /// `authorization` of the next request.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        self.token.as_ref()?.get()
    }
}

fn client(files: &TlsFiles, clock: &Arc<Clock>) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let roots = pem::authorities(&files.authorities)?;
    let authorities = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
        .build()
        .map_err(|error| about(&files.authorities, &error))?;
    let config = ClientConfig::builder_with_details(provider, Arc::clone(clock) as _)
        .with_safe_default_protocol_versions()
        .expect("ring has suites for both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::new(authorities, Arc::clone(clock))));
    let mut config = match &files.identity {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => config
            .with_client_auth_cert(pem::certificates(certificate)?, pem::key(key)?)
            .map_err(|error| about(certificate, &error))?,
    };
    config.alpn_protocols = vec![b"http/1.1".into()];
    // A resumed session would not be judged by the files of its own moment, and connections are kept anyway.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn bearer(file: &std::path::Path) -> Result<HeaderValue, String> {
    let text = std::fs::read_to_string(file).map_err(|error| about(file, &error))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(about(file, &"it must hold one token and nothing else"));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| about(file, &error))?;
    value.set_sensitive(true);
    Ok(value)
}
