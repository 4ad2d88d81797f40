//! DNS messages: the question for a service, and the targets in an answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::{OPT, RData, SRV};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE};

use super::finds::{TARGETS_MAX, Target};
use crate::http::url::EdgeUrl;

/// Longest answer taken by UDP, in bytes: what passes every network whole.
const UDP_BYTES_MAX: u16 = 1_232;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// By which the answer is known to be one to this question.
    pub(super) id: u16,
    pub(super) name: &'a str,
    pub(super) is_encrypted: bool,
}

/// An answer to a question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Targets(Vec<Target>),
    /// It did not fit: to be asked for again over TCP.
    Cut,
}

impl Asked<'_> {
    /// Asks a DNS server for SRV records.
    pub(super) fn of_server(self) -> Vec<u8> {
        let mut packet = self.question(TYPE::SRV);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        *packet.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: UDP_BYTES_MAX, version: 0 });
        bytes(&packet)
    }

    /// Asks a network for instances of the service.
    pub(super) fn of_network(self) -> Vec<u8> {
        bytes(&self.question(TYPE::PTR))
    }

    fn question(self, asked_for: TYPE) -> Packet<'static> {
        let name = self.checked_name().into_owned();
        let mut packet = Packet::new_query(self.id);
        packet.questions.push(Question::new(name, QTYPE::TYPE(asked_for), QCLASS::CLASS(CLASS::IN), false));
        packet
    }

    /// Reads what a DNS server sent. `None`: it is no answer to this question, and one may still come.
    pub(super) fn read_from_server(self, message: &[u8]) -> Option<Result<Answer, String>> {
        let packet = self.answer(message)?;
        let asked = packet.questions.first()?;
        if asked.qname != self.checked_name() || asked.qtype != QTYPE::TYPE(TYPE::SRV) {
            return None;
        }
        if packet.has_flags(PacketFlag::TRUNCATION) {
            return Some(Ok(Answer::Cut));
        }
        match packet.rcode() {
            RCODE::NoError => {}
            RCODE::NameError => return Some(Err(format!("there is no name {}", self.name))),
            code => return Some(Err(format!("the DNS server says {code:?}"))),
        }
        // Under whatever name: the question may have led over an alias.
        let targets = packet.answers.iter().filter_map(srv).filter_map(|srv| self.target(srv, None));
        Some(Ok(Answer::Targets(first(targets.collect()))))
    }

    /// Reads what somebody on the network sent. The addresses come along with the names, as responders should see to.
    pub(super) fn read_from_network(self, message: &[u8]) -> Vec<Target> {
        let Some(packet) = self.answer(message) else { return Vec::new() };
        let records = || packet.answers.iter().chain(&packet.additional_records);
        let service = self.checked_name();
        let instances =
            records().filter(|record| record.name == service).filter_map(|record| match &record.rdata {
                RData::PTR(instance) => Some(&instance.0),
                _ => None,
            });
        let services =
            instances.flat_map(|instance| records().filter(move |record| record.name == *instance));
        let targets = services
            .filter_map(srv)
            .filter_map(|srv| self.target(srv, Some(address(records(), &srv.target)?)));
        first(targets.collect())
    }

    /// The message, if it answers with this question's number.
    fn answer(self, message: &[u8]) -> Option<Packet<'_>> {
        let packet = Packet::parse(message).ok()?;
        (packet.has_flags(PacketFlag::RESPONSE) && packet.id() == self.id).then_some(packet)
    }

    /// The target of a record; dialled by its name without an address. A record without a host says that there is none.
    fn target(self, srv: &SRV, address: Option<IpAddr>) -> Option<Target> {
        let host = match address {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            Some(IpAddr::V4(address)) => address.to_string(),
            None => srv.target.to_string(),
        };
        let scheme = if self.is_encrypted { "https" } else { "http" };
        let url: EdgeUrl = format!("{scheme}://{host}:{}", srv.port).parse().ok()?;
        (srv.port > 0).then_some(Target { url, priority: srv.priority, weight: srv.weight })
    }

    fn checked_name(&self) -> Name<'_> {
        Name::new(self.name).expect("it was checked when it was read")
    }
}

/// As many as are taken from one answer: those of the lowest priorities.
fn first(mut targets: Vec<Target>) -> Vec<Target> {
    targets.sort_by_key(|target| target.priority);
    targets.truncate(TARGETS_MAX);
    targets
}

fn srv<'a, 'b>(record: &'a ResourceRecord<'b>) -> Option<&'a SRV<'b>> {
    match &record.rdata {
        RData::SRV(srv) => Some(srv),
        _ => None,
    }
}

/// The first address of a host: of the fourth version before the sixth, and none that counts on one link only.
fn address<'a, 'b: 'a>(records: impl Iterator<Item = &'a ResourceRecord<'b>>, host: &Name) -> Option<IpAddr> {
    records
        .filter(|record| record.name == *host)
        .filter_map(|record| match &record.rdata {
            RData::A(a) => Some(IpAddr::V4(Ipv4Addr::from(a.address))),
            RData::AAAA(aaaa) => {
                let address = Ipv6Addr::from(aaaa.address);
                (!address.is_unicast_link_local()).then_some(IpAddr::V6(address))
            }
            _ => None,
        })
        .min_by_key(IpAddr::is_ipv6)
}

fn bytes(packet: &Packet) -> Vec<u8> {
    packet.build_bytes_vec().expect("one checked name fits a message")
}
