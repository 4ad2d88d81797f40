//! Which peers to listen to. In: the addresses of all. Out: at most sixteen, most of them at the own site, and some
//! elsewhere, so that news crosses sites. Every sidecar draws others, and keeps them when the fleet changes a little.

use std::net::SocketAddr;

/// Peers listened to at most.
pub const LINKS_MAX: usize = 16;

/// Of those, at the own site at most, while there are others.
const AT_SITE_MAX: usize = 12;

/// A peer by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is dialled.
    pub address: SocketAddr,
    /// Whether it is known to be at the own site.
    pub is_at_site: bool,
}

/// The peers to listen to, by rendezvous hashing with `own` (Thaler and Ravishankar, 1998): whoever comes or goes changes
/// no more than one of them.
#[must_use]
pub fn choose(own: u64, candidates: &[Candidate]) -> Vec<SocketAddr> {
    let mut ordered: Vec<(bool, u64, SocketAddr)> = candidates
        .iter()
        .map(|candidate| (!candidate.is_at_site, hash(own, candidate.address), candidate.address))
        .collect();
    ordered.sort_unstable();
    ordered.dedup_by_key(|(_, _, address)| *address);
    let at_site = ordered.iter().filter(|(is_away, ..)| !is_away).count();
    let away = (ordered.len() - at_site).min(LINKS_MAX - at_site.min(AT_SITE_MAX));
    let near = at_site.min(LINKS_MAX - away);
    let address = |(_, _, address): &(bool, u64, SocketAddr)| *address;
    ordered[..near].iter().chain(&ordered[at_site..at_site + away]).map(address).collect()
}

fn hash(own: u64, address: SocketAddr) -> u64 {
    let ip = match address.ip() {
        std::net::IpAddr::V4(ip) => u128::from(ip.to_bits()),
        std::net::IpAddr::V6(ip) => ip.to_bits(),
    };
    let mut state = own;
    for part in [ip as u64, (ip >> 64) as u64, address.port().into()] {
        state = crate::next(&mut (state ^ part));
    }
    state
}

#[cfg(test)]
mod tests;
