//! The sidecar before a model server of a known rate, four requests at once. In: how many times the capacity is asked, or
//! what goes on beside honest clients. Out: what became of the requests. A device here waits for 100 ms and needs 50 ms to
//! answer itself.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    attack::Attack,
    load::{self, Connection, Load},
    process::Process,
    proxy,
};

const SLOTS: u32 = 4;
/// How long each takes: under an overload, and beside an attack.
const SERVICE: Duration = Duration::from_millis(20);
const FAST: Duration = Duration::from_millis(5);
const DEADLINE: Duration = Duration::from_millis(100);
const LOCAL: Duration = Duration::from_millis(50);
const TIME: Duration = Duration::from_secs(4);
/// Time to learn how long a request takes.
const WARM_UP: Duration = Duration::from_millis(500);
/// Enough that none waits for a connection.
const CONNECTIONS: usize = 128;

/// Shares of what could have been.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Of what the server can do in the time and did not do for answers in time.
    pub lost: f64,
    /// Of the served answers that came after the deadline.
    pub late: f64,
    /// Of the devices without an answer in time, from there or, after a refusal, their own.
    pub without: f64,
}

/// One request that ended.
struct Ended {
    took: Duration,
    is_served: bool,
}

/// Asks `factor` times what the server can do.
pub async fn run(factor: u32, folder: &Path) -> Result<Figures> {
    let (address, _process) = start(folder, SERVICE).await?;
    let request = load::within(DEADLINE);
    let rate = f64::from(SLOTS) / SERVICE.as_secs_f64() * f64::from(factor);
    drop(ask(address, &request, rate, WARM_UP).await?);
    let ended = ask(address, &request, rate, TIME).await?;
    let served = ended.iter().filter(|end| end.is_served);
    let (in_time, late): (Vec<&Ended>, Vec<&Ended>) = served.partition(|end| end.took <= DEADLINE);
    let refused = ended.iter().filter(|end| !end.is_served && end.took + LOCAL <= DEADLINE).count();
    let could = f64::from(SLOTS) * TIME.as_secs_f64() / SERVICE.as_secs_f64();
    Ok(Figures {
        lost: 1.0 - in_time.len() as f64 / could,
        late: late.len() as f64 / (in_time.len() + late.len()) as f64,
        without: 1.0 - (in_time.len() + refused) as f64 / ended.len() as f64,
    })
}

/// An open loop: requests come when they come, whatever became of those before.
async fn ask(address: SocketAddr, request: &Arc<[u8]>, rate: f64, time: Duration) -> Result<Vec<Ended>> {
    let (give, mut take) = mpsc::unbounded_channel();
    for _ in 0..CONNECTIONS {
        give.send(Connection::open(address).await?).ok().context("nobody takes it")?;
    }
    let (mut tasks, mut due) = (JoinSet::new(), Instant::now());
    let mut random = rate.to_bits();
    let until = due + time;
    while due < until {
        sleep_until(due).await;
        let (mut connection, give) = (take.recv().await.context("no connection")?, give.clone());
        let (request, asked) = (Arc::clone(request), due);
        tasks.spawn(async move {
            let is_served = connection.ask_any(&request).await?;
            let ended = Ended { took: asked.elapsed(), is_served };
            give.send(connection).ok();
            anyhow::Ok(ended)
        });
        // The times between the arrivals of a Poisson process.
        due += Duration::from_secs_f64(-uniform(&mut random).ln() / rate);
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        all.push(ended??);
    }
    Ok(all)
}

/// Numerical Recipes' 64-bit generator; above 0, at most 1.
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// The slowest hundredth of clients that ask again when they are answered, as many as there are slots, in seconds.
pub async fn slowest(attack: Option<Attack>, folder: &Path) -> Result<f64> {
    /// An attack is in full swing by then.
    const SETTLED: Duration = Duration::from_millis(500);
    let (address, _process) = start(folder, FAST).await?;
    let mut load = Load::start(address, SLOTS as usize, &load::within(DEADLINE)).await?;
    let _attack = attack.map(|attack| attack.begin(address));
    sleep(SETTLED).await;
    Ok(load.run(TIME).await?.percentile(99))
}

async fn start(folder: &Path, service: Duration) -> Result<(SocketAddr, Process)> {
    let server = serve(service)?;
    let folder = folder.join("overload");
    std::fs::create_dir_all(&folder)?;
    let port = proxy::port()?;
    let milliseconds = u64::try_from(DEADLINE.as_millis())?;
    let config = json!({
        "listen": format!("127.0.0.1:{port}"),
        "admin": format!("127.0.0.1:{}", proxy::port()?),
        "upstream": {"http": format!("http://{server}")},
        "model": {"name": "bench"},
        "admission": {"maxConcurrency": SLOTS, "maxQueueDepth": 256, "defaultTimeoutMilliseconds": milliseconds,
                      "maxTimeoutMilliseconds": milliseconds},
    });
    let file = folder.join("config");
    std::fs::write(&file, config.to_string())?;
    let process = Process::start(
        &proxy::program(proxy::Kind::Sidecar)?,
        &["--config".as_ref(), file.as_os_str()],
        &folder.join("log"),
    )?;
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let asked = async { Connection::open(address).await?.ask_any(&load::within(DEADLINE)).await };
        match asked.await {
            Ok(true) => return Ok((address, process)),
            other => ensure!(Instant::now() < until, "the sidecar does not answer: {other:?}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// The server: a thread for each connection, which sleeps.
fn serve(service: Duration) -> Result<SocketAddr> {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                // A small request comes in one piece.
                while let Ok(1..) = stream.read(&mut buffer) {
                    if buffer.starts_with(b"POST") {
                        thread::sleep(service);
                    }
                    if stream.write_all(ANSWER).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(address)
}
