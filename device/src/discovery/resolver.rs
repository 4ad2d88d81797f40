//! Asks DNS servers for SRV records: by UDP, and by TCP where the answer does not fit.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::finds::Target;
use super::message::{Answer, Asked};
use super::name::SrvName;

/// A question that is lost is sent once more after this time.
const SEND_AGAIN: Duration = Duration::from_millis(400);

/// Servers asked at once, as many as the C library takes from the file.
const SERVERS_MAX: usize = 3;

const SYSTEM_FILE: &str = "/etc/resolv.conf";

/// The targets of a name. All servers are asked at once; the first that names one counts.
pub(super) async fn targets(
    name: &SrvName,
    server: Option<SocketAddr>,
    id: u16,
) -> Result<Vec<Target>, String> {
    let mut questions = JoinSet::new();
    for server in server.map_or_else(of_the_system, |server| vec![server]) {
        let name = name.clone();
        questions.spawn(async move { ask(server, &name, id).await });
    }
    let mut trouble = String::new();
    while let Some(Ok(answer)) = questions.join_next().await {
        match answer {
            Ok(targets) if !targets.is_empty() => return Ok(targets),
            Ok(_) => trouble = format!("{name} has no SRV record with a host"),
            Err(error) => trouble = error,
        }
    }
    Err(trouble)
}

async fn ask(server: SocketAddr, name: &SrvName, id: u16) -> Result<Vec<Target>, String> {
    let asked = Asked { id, name: name.as_str(), is_encrypted: name.is_encrypted() };
    let about = |error: io::Error| format!("DNS server {server}: {error}");
    match by_udp(server, asked).await.map_err(about)?? {
        Answer::Targets(targets) => Ok(targets),
        Answer::Cut => match by_tcp(server, asked).await.map_err(about)?? {
            Answer::Targets(targets) => Ok(targets),
            Answer::Cut => Err(format!("DNS server {server}: the answer is cut over TCP too")),
        },
    }
}

async fn by_udp(server: SocketAddr, asked: Asked<'_>) -> io::Result<Result<Answer, String>> {
    let any =
        if server.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Connected: packets of anybody else are thrown away by the kernel.
    socket.connect(server).await?;
    let question = asked.of_server();
    loop {
        socket.send(&question).await?;
        if let Ok(answer) = timeout(SEND_AGAIN, receive(&socket, asked)).await {
            return answer;
        }
    }
}

async fn receive(socket: &UdpSocket, asked: Asked<'_>) -> io::Result<Result<Answer, String>> {
    let mut message = vec![0; 4_096];
    loop {
        let length = socket.recv(&mut message).await?;
        if let Some(answer) = asked.read_from_server(&message[..length]) {
            return Ok(answer);
        }
    }
}

async fn by_tcp(server: SocketAddr, asked: Asked<'_>) -> io::Result<Result<Answer, String>> {
    let mut stream = TcpStream::connect(server).await?;
    let question = asked.of_server();
    let length = u16::try_from(question.len()).expect("one name fits a message");
    stream.write_all(&[&length.to_be_bytes()[..], &question].concat()).await?;
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    Ok(asked.read_from_server(&message).unwrap_or_else(|| Err("what came over TCP is no answer".into())))
}

/// The servers of the system's file, which is read each time: it changes with the network. The local one without any.
fn of_the_system() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string(SYSTEM_FILE).unwrap_or_default();
    let servers: Vec<SocketAddr> = text.lines().filter_map(nameserver).take(SERVERS_MAX).collect();
    if servers.is_empty() { vec![(Ipv4Addr::LOCALHOST, 53).into()] } else { servers }
}

/// The address on a line `nameserver ADDRESS`.
fn nameserver(line: &str) -> Option<SocketAddr> {
    let mut words = line.split_whitespace();
    let address: IpAddr =
        words.next().filter(|word| *word == "nameserver").and(words.next())?.parse().ok()?;
    Some((address, 53).into())
}
