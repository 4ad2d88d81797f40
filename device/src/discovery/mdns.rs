//! Asks the network that the device is in for the service: one-shot multicast DNS (RFC 6762, 5.1 and 6.7), whose answers
//! come back to the port of the question. No group is joined and no port is shared.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use rustix::net::{netdevice::name_to_index, sockopt::set_ip_multicast_if_with_ifindex};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::finds::{TARGETS_MAX, Target};
use super::message::Asked;
use super::name::service;

const GROUP: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 0, 251), 5353);

/// The question is sent this often, since radios lose multicast, and answers are waited for this long each time.
const ROUNDS: u32 = 2;
const ROUND: Duration = Duration::from_millis(400);

/// Packets read in one round.
const PACKETS_MAX: usize = 64;

/// Whoever announces the service.
pub(super) async fn targets(
    is_encrypted: bool,
    interface: Option<&str>,
    id: u16,
) -> Result<Vec<Target>, String> {
    let name = format!("{}local", service(is_encrypted));
    let asked = Asked { id, name: &name, is_encrypted };
    let place = interface.unwrap_or("the interface for multicast");
    match browse(asked, interface).await {
        Ok(found) if found.is_empty() => Err(format!("mDNS on {place}: nobody announces {name}")),
        found => found.map_err(|error| format!("mDNS on {place}: {error}")),
    }
}

async fn browse(asked: Asked<'_>, interface: Option<&str>) -> io::Result<Vec<Target>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    if let Some(interface) = interface {
        let index = name_to_index(&socket, interface)?;
        set_ip_multicast_if_with_ifindex(&socket, &Ipv4Addr::UNSPECIFIED, &Ipv4Addr::UNSPECIFIED, index)?;
    }
    socket.set_multicast_ttl_v4(255)?;
    let mut found = Vec::new();
    for _ in 0..ROUNDS {
        socket.send_to(&asked.of_network(), GROUP).await?;
        let end = Instant::now() + ROUND;
        let mut message = vec![0; 9_000];
        for _ in 0..PACKETS_MAX {
            let Ok(received) = timeout_at(end, socket.recv(&mut message)).await else { break };
            add(&mut found, asked.read_from_network(&message[..received?]));
        }
    }
    Ok(found)
}

fn add(found: &mut Vec<Target>, targets: Vec<Target>) {
    for target in targets {
        if found.len() < TARGETS_MAX && found.iter().all(|known| known.url != target.url) {
            found.push(target);
        }
    }
}
