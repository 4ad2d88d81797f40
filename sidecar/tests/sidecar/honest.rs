//! Clients that behave, beside whatever a test does to the sidecar; and the sidecar's memory.

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{JoinHandle, spawn},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use crate::{
    harness::{Client, PATIENCE, Sidecar, eventually, infer},
    http2::{block_on, request, sender},
    server::Server,
};

/// Runs an attack beside honest clients. All of theirs is served, memory grows by so many KiB at most, and nothing is left.
pub fn withstood(
    server: &Server,
    growth_max: u64,
    change: impl FnOnce(&mut Value),
    attack: impl FnOnce(&Sidecar),
) {
    let sidecar = Sidecar::with(server, change);
    let honest = Honest::beside(&sidecar);
    eventually("honest clients", || sidecar.count("served") >= 200);
    let memory = Memory::of(&sidecar);
    attack(&sidecar);
    assert!(honest.are_well());
    honest.leave();
    let growth = memory.growth();
    assert!(growth <= growth_max, "grew by {growth} KiB");
    eventually("no request", || sidecar.gauge("requests_running") == 0);
    eventually("no connection", || sidecar.gauge("connections") == 0);
}

/// One that keeps its connection, one that opens another for each request, and one over HTTP/2.
pub struct Honest {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Duration>>>,
}

impl Honest {
    pub fn beside(sidecar: &Sidecar) -> Self {
        let (address, stop) = (sidecar.address, Arc::new(AtomicBool::new(false)));
        let client = |work: fn(SocketAddr, &AtomicBool) -> Vec<Duration>| {
            let stop = Arc::clone(&stop);
            spawn(move || work(address, &stop))
        };
        let clients = vec![client(kept), client(fresh), client(http2)];
        Self { stop, clients }
    }

    /// Whether all that they asked so far was served.
    pub fn are_well(&self) -> bool {
        self.clients.iter().all(|client| !client.is_finished())
    }

    /// Ends them. Each fails its test at its first request that is not served. Returns how long the slowest hundredth took
    /// at least.
    pub fn leave(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        let mut times: Vec<Duration> = self
            .clients
            .into_iter()
            .flat_map(|client| client.join().expect("an honest client was not served"))
            .collect();
        times.sort_unstable();
        times[times.len() * 99 / 100]
    }
}

fn until(stop: &AtomicBool, mut ask: impl FnMut()) -> Vec<Duration> {
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        ask();
        times.push(began.elapsed());
    }
    times
}

fn kept(address: SocketAddr, stop: &AtomicBool) -> Vec<Duration> {
    let mut client = Client::to(address);
    until(stop, || assert_eq!(client.ask(&infer("", "kept")).outcome(), "served"))
}

fn fresh(address: SocketAddr, stop: &AtomicBool) -> Vec<Duration> {
    let ask = || assert_eq!(Client::to(address).ask(&infer("", "fresh")).outcome(), "served");
    until(stop, ask)
}

fn http2(address: SocketAddr, stop: &AtomicBool) -> Vec<Duration> {
    block_on(async {
        let (mut sender, _connection) = sender(TcpStream::connect(address).await.unwrap(), 65_535).await;
        let mut times = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let answer = sender.send_request(request("POST", "/v2/models/m/infer", "http2"));
            let answer = timeout(PATIENCE, answer).await.expect("an answer").unwrap();
            assert_eq!(answer.headers()["longshore-outcome"], "served");
            times.push(began.elapsed());
        }
        times
    })
}

/// Memory of a process: what it has, and the most that it had since it was last asked.
pub struct Memory {
    process: u32,
    pub before: u64,
}

impl Memory {
    pub fn of(sidecar: &Sidecar) -> Self {
        let process = sidecar.process.id();
        // Five resets the peak.
        fs::write(format!("/proc/{process}/clear_refs"), "5").unwrap();
        Self { process, before: kibibytes(process, "VmRSS:") }
    }

    /// How far it rose above what it was, in KiB.
    pub fn growth(&self) -> u64 {
        kibibytes(self.process, "VmHWM:").saturating_sub(self.before)
    }
}

fn kibibytes(process: u32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
