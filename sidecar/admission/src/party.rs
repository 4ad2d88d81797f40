//! Whom a request counts for.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

/// Whom a request counts for: the device where its credentials name one, else where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// One whose name is proved.
    Device(Device),
    /// One that asks from there.
    Source(Source),
    /// Those beyond what is counted apart.
    Rest,
}

/// A device, by the name that its credentials give it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Device(Arc<str>);

impl Device {
    /// A name of 1 to 512 bytes.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        const BYTES_MAX: usize = 512;
        (1..=BYTES_MAX).contains(&name.len()).then(|| Self(name.into()))
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where connections come from: what one party can take many addresses of counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An address.
    V4([u8; 4]),
    /// The first 64 bits: a link has one such prefix.
    V6([u8; 8]),
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        let prefix = |address: Ipv6Addr| {
            let mut prefix = [0; 8];
            prefix.copy_from_slice(&address.octets()[..8]);
            prefix
        };
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => Self::V6(prefix(address)),
        }
    }
}
