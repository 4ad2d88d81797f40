//! The address of an edge node: `https://HOST:PORT`, or `http://HOST:PORT` in the clear.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use rustls::pki_types::ServerName;

/// Where an endpoint is dialled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EdgeUrl {
    is_encrypted: bool,
    host: String,
    port: u16,
}

/// A text that is no such address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("edge URL {0:?} must have the form https://HOST:PORT or http://HOST:PORT")]
pub struct InvalidUrl(String);

impl EdgeUrl {
    /// Whether the connection is inside TLS.
    pub(crate) const fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// What a certificate of the endpoint must be made out to.
    pub(crate) fn server_name(&self) -> ServerName<'static> {
        ServerName::try_from(self.host().to_owned()).expect("it was checked when the address was read")
    }

    /// Host name or address, as a socket takes it.
    pub(crate) fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// `HOST:PORT`, the value of the header `host`.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl FromStr for EdgeUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidUrl(text.chars().take(100).collect());
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let (is_encrypted, port) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            _ => return Err(invalid()),
        };
        let authority = authority.filter(|_| bare).ok_or_else(invalid)?;
        let url = Self {
            is_encrypted,
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16().unwrap_or(port),
        };
        ServerName::try_from(url.host()).map_err(|_| invalid())?;
        Ok(url)
    }
}

impl fmt::Display for EdgeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}
