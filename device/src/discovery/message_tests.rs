use simple_dns::rdata::{A, AAAA, CNAME, PTR, RData, SRV};
use simple_dns::{CLASS, Name, Packet, PacketFlag, RCODE, ResourceRecord};

use super::message::{Answer, Asked};

const SITE: &str = "_longshore._tcp.site.example";
const LOCAL: &str = "_longshore._tcp.local";

fn asked(name: &str) -> Asked<'_> {
    Asked { id: 7, name, is_encrypted: false }
}

fn record<'a>(name: &'a str, data: RData<'a>) -> ResourceRecord<'a> {
    ResourceRecord::new(Name::new_unchecked(name), CLASS::IN, 60, data)
}

fn srv(port: u16, target: &str) -> RData<'_> {
    RData::SRV(SRV { priority: 1, weight: 2, port, target: Name::new_unchecked(target) })
}

/// An answer of a server to the question for `SITE`.
fn from_server(change: impl FnOnce(&mut Packet<'_>)) -> Vec<u8> {
    let question = asked(SITE).of_server();
    let mut packet = Packet::parse(&question).expect("our own question").into_reply();
    packet.answers = vec![
        record(SITE, RData::CNAME(CNAME(Name::new_unchecked("elsewhere.example")))),
        record("elsewhere.example", srv(30_080, "oak.site.example")),
        record("elsewhere.example", srv(0, "portless.site.example")),
        record("elsewhere.example", srv(30_080, "")),
    ];
    change(&mut packet);
    packet.build_bytes_vec_compressed().expect("a message")
}

/// An answer of the network to the question for `LOCAL`.
fn from_network() -> Vec<u8> {
    let mut packet = Packet::new_reply(7);
    let instance = "Oak at the gate._longshore._tcp.local";
    packet.answers = vec![
        record(LOCAL, RData::PTR(PTR(Name::new_unchecked(instance)))),
        record("_other._tcp.local", RData::PTR(PTR(Name::new_unchecked("printer._other._tcp.local")))),
    ];
    packet.additional_records = vec![
        record(instance, srv(30_080, "oak.local")),
        record("printer._other._tcp.local", srv(631, "oak.local")),
        record("oak.local", RData::AAAA(AAAA { address: 1 << 8 })),
        record("oak.local", RData::A(A { address: 0xC000_0201 })),
    ];
    packet.build_bytes_vec_compressed().expect("a message")
}

fn urls(answer: Option<Result<Answer, String>>) -> Vec<String> {
    match answer {
        Some(Ok(Answer::Targets(targets))) => targets.iter().map(|target| target.url.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn records_that_name_a_host_and_a_port_are_targets() {
    assert_eq!(urls(asked(SITE).read_from_server(&from_server(|_| {}))), ["http://oak.site.example:30080"]);
    let encrypted = Asked { is_encrypted: true, ..asked(SITE) };
    assert_eq!(urls(encrypted.read_from_server(&from_server(|_| {}))), ["https://oak.site.example:30080"]);
}

#[test]
fn an_answer_to_another_question_is_none() {
    let questions: [fn(&mut Packet<'_>); 4] = [
        |packet| packet.set_id(8),
        |packet| packet.remove_flags(PacketFlag::RESPONSE),
        |packet| packet.questions.clear(),
        |packet| packet.questions[0].qname = Name::new_unchecked("_longshore._tcp.other.example"),
    ];
    for change in questions {
        assert_eq!(asked(SITE).read_from_server(&from_server(change)), None);
    }
    assert!(Asked { id: 8, ..asked(LOCAL) }.read_from_network(&from_network()).is_empty());
}

#[test]
fn a_refusal_is_told() {
    let no_name = asked(SITE).read_from_server(&from_server(|packet| *packet.rcode_mut() = RCODE::NameError));
    assert_eq!(no_name, Some(Err(format!("there is no name {SITE}"))));
    let cut = asked(SITE).read_from_server(&from_server(|packet| packet.set_flags(PacketFlag::TRUNCATION)));
    assert_eq!(cut, Some(Ok(Answer::Cut)));
}

#[test]
fn the_network_names_instances_of_the_service_with_their_addresses() {
    let targets = asked(LOCAL).read_from_network(&from_network());
    let urls: Vec<_> = targets.iter().map(|target| target.url.to_string()).collect();
    assert_eq!(urls, ["http://192.0.2.1:30080"]);
}

#[test]
fn fuzzed_dns_messages() {
    fuzz::run(&[&from_server(|_| {}), &from_network()], &["\u{0}", "\u{7}", "local"], |bytes| {
        let of_server = asked(SITE).read_from_server(bytes);
        let of_network = asked(LOCAL).read_from_network(bytes);
        assert!(of_network.len() <= 16);
        let targets = match &of_server {
            Some(Ok(Answer::Targets(targets))) => targets.len(),
            _ => 0,
        };
        assert!(targets <= 16);
        (of_server.is_some(), targets.min(2), of_network.len().min(2))
    });
}
