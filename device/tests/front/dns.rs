//! A DNS server on loopback that answers for one name, by UDP and TCP, as a test wants it; and what announces endpoints
//! there by multicast DNS.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::net::{AddressFamily, SocketType, bind as bind_socket, socket, sockopt::set_socket_reuseaddr};
use simple_dns::rdata::{A, PTR, RData, SRV};
use simple_dns::{CLASS, Name, Packet, PacketFlag, RCODE, ResourceRecord};

use crate::support::Endpoint;

/// How questions are answered.
#[derive(Clone)]
pub enum Zone {
    /// Priority, weight and port of each record; the host is this one.
    Records(Vec<(u16, u16, u16)>),
    /// The same, and too long for UDP.
    Long(Vec<(u16, u16, u16)>),
    NoName,
    Silent,
    /// Answers to questions that nobody asked, and bytes that are no message.
    Noise,
}

#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

impl Server {
    pub fn start(zone: Zone) -> Self {
        let (udp, tcp) = bind();
        let server = Self { address: udp.local_addr().unwrap(), zone: Arc::new(Mutex::new(zone)) };
        let (by_udp, by_tcp) = (server.clone(), server.clone());
        thread::spawn(move || by_udp.serve_udp(&udp));
        thread::spawn(move || by_tcp.serve_tcp(&tcp));
        server
    }

    pub fn turn(&self, zone: Zone) {
        *self.zone.lock().unwrap() = zone;
    }

    fn serve_udp(&self, socket: &UdpSocket) {
        let mut bytes = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            let zone = self.zone.lock().unwrap().clone();
            for answer in answers(&bytes[..length], &zone, Carrier::Udp) {
                socket.send_to(&answer, from).unwrap();
            }
        }
    }

    fn serve_tcp(&self, listener: &TcpListener) {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut question).unwrap();
            let zone = self.zone.lock().unwrap().clone();
            for answer in answers(&question, &zone, Carrier::Tcp) {
                stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes()).unwrap();
                stream.write_all(&answer).unwrap();
            }
        }
    }
}

/// Both carriers on one port.
fn bind() -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both carriers");
}

/// The port of an endpoint in the clear.
pub fn port(endpoint: &Endpoint) -> u16 {
    endpoint.url.rsplit(':').next().unwrap().parse().unwrap()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Udp,
    Tcp,
}

fn answers(question: &[u8], zone: &Zone, carrier: Carrier) -> Vec<Vec<u8>> {
    let asked = Packet::parse(question).unwrap();
    let mut reply = asked.clone().into_reply();
    match zone {
        Zone::Silent => return Vec::new(),
        Zone::NoName => *reply.rcode_mut() = RCODE::NameError,
        Zone::Long(_) if carrier == Carrier::Udp => reply.set_flags(PacketFlag::TRUNCATION),
        Zone::Records(records) | Zone::Long(records) => {
            let name = &asked.questions[0].qname;
            reply.answers = records.iter().map(|record| srv(name, *record)).collect();
        }
        Zone::Noise => {
            reply.set_id(asked.id().wrapping_add(1));
            reply.answers = vec![srv(&asked.questions[0].qname, (0, 0, 9))];
            let stranger = reply.build_bytes_vec().unwrap();
            return vec![stranger, b"noise".to_vec(), question.to_vec(), vec![0xff; 600]];
        }
    }
    vec![reply.build_bytes_vec_compressed().unwrap()]
}

fn srv<'a>(name: &Name<'a>, (priority, weight, port): (u16, u16, u16)) -> ResourceRecord<'a> {
    let data = SRV { priority, weight, port, target: Name::new_unchecked("localhost") };
    ResourceRecord::new(name.clone(), CLASS::IN, 60, RData::SRV(data))
}

/// Announces endpoints on loopback, each as an instance of a service, as long as the tests run.
pub fn announce(services: &[(&'static str, &Endpoint)]) {
    let services: Vec<_> = services.iter().map(|(service, node)| (*service, node.name, port(node))).collect();
    let shared = socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap();
    set_socket_reuseaddr(&shared, true).unwrap();
    bind_socket(&shared, &SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5353))).unwrap();
    let socket = UdpSocket::from(shared);
    socket.join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 251), &Ipv4Addr::LOCALHOST).unwrap();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            let Ok(asked) = Packet::parse(&bytes[..length]) else { continue };
            for (service, name, port) in &services {
                let is_asked =
                    |question: &simple_dns::Question| question.qname == Name::new_unchecked(service);
                if !asked.has_flags(PacketFlag::RESPONSE) && asked.questions.iter().any(is_asked) {
                    socket.send_to(&instance(asked.id(), service, name, *port), from).unwrap();
                }
            }
        }
    });
}

/// The answer that tells of one instance.
fn instance(id: u16, service: &str, name: &str, port: u16) -> Vec<u8> {
    let named = |name: &str| Name::new(name).unwrap().into_owned();
    let record = |name: &str, data| ResourceRecord::new(named(name), CLASS::IN, 10, data);
    let (instance, host) = (format!("{name}.{service}"), format!("{name}.local"));
    let mut reply = Packet::new_reply(id);
    reply.answers.push(record(service, RData::PTR(PTR(named(&instance)))));
    let srv = SRV { priority: 0, weight: 0, port, target: named(&host) };
    reply.additional_records.push(record(&instance, RData::SRV(srv)));
    reply.additional_records.push(record(&host, RData::A(A { address: Ipv4Addr::LOCALHOST.into() })));
    reply.build_bytes_vec_compressed().unwrap()
}
