//! The DNS name that a site publishes its endpoints under.

use std::fmt;
use std::str::FromStr;

use simple_dns::Name;

/// `_longshores._tcp.DOMAIN` for endpoints inside TLS, `_longshore._tcp.DOMAIN` for endpoints in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrvName {
    is_encrypted: bool,
    text: String,
}

/// A text that is no such name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "SRV name {0:?} must have the form _longshores._tcp.DOMAIN (https) or _longshore._tcp.DOMAIN (in the clear)"
)]
pub struct InvalidSrvName(String);

/// What the name of the service begins with.
pub(super) const fn service(is_encrypted: bool) -> &'static str {
    if is_encrypted { "_longshores._tcp." } else { "_longshore._tcp." }
}

impl SrvName {
    pub(crate) const fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for SrvName {
    type Err = InvalidSrvName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidSrvName(text.chars().take(100).collect());
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_encrypted = name.starts_with(service(true));
        let domain = name.strip_prefix(service(is_encrypted)).ok_or_else(invalid)?;
        let is_word = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if !domain.split('.').all(is_word) || Name::new(&name).is_err() {
            return Err(invalid());
        }
        Ok(Self { is_encrypted, text: name })
    }
}

impl fmt::Display for SrvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
