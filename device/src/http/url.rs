//! The address of an edge node: `http://HOST:PORT`.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// Where an endpoint is dialled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EdgeUrl {
    host: String,
    port: u16,
}

/// A text that is no such address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("edge URL {0:?} must have the form http://HOST:PORT")]
pub struct InvalidUrl(String);

impl EdgeUrl {
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
        match (uri.scheme_str(), authority) {
            (Some("http"), Some(authority)) if bare && !authority.host().is_empty() => Ok(Self {
                host: authority.host().to_ascii_lowercase(),
                port: authority.port_u16().unwrap_or(80),
            }),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for EdgeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}
