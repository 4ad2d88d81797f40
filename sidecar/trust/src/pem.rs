//! PEM files. An error names its file.

use std::path::Path;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::about;

/// Every certificate of a file, in its order; at least one.
///
/// # Errors
/// When the file cannot be read, or holds something else.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| about(file, &error))?;
    if chain.is_empty() { Err(about(file, &"no certificate in it")) } else { Ok(chain) }
}

/// The first private key of a file.
///
/// # Errors
/// When there is none that can be read.
pub fn key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| about(file, &error))
}

/// The certificates of a file, as authorities.
///
/// # Errors
/// When one of them cannot be an authority.
pub fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| about(file, &error))?;
    }
    Ok(roots)
}
