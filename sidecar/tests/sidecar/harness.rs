//! The sidecar as a process behind its own port, and a client that speaks bytes.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::{
    server::Server,
    site::{SITE, host},
};

/// How long a condition may take before a test fails; never how long anything should take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for a condition.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A folder of a test's own, removed with it.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("longshore-sidecar-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_longshore-sidecar"))
}

/// How clients speak to a sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Clear,
    Tls,
}

pub const BOTH: [Over; 2] = [Over::Clear, Over::Tls];

/// A running sidecar.
pub struct Sidecar {
    pub over: Over,
    pub process: Child,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub folder: Folder,
    log: Arc<Mutex<Vec<String>>>,
}

/// A model server that a sidecar can stand in front of.
pub trait Behind {
    /// `upstream` in the configuration.
    fn upstream(&self) -> Value;
}

impl Behind for Server {
    fn upstream(&self) -> Value {
        json!({"http": format!("http://{}", self.address)})
    }
}

/// The usual configuration: generous times, so that only what a test makes tight can end a request.
fn config(server: &impl Behind, folder: &Folder) -> Value {
    json!({
        "listen": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "drainSocket": folder.0.join("drain.sock"),
        "upstream": server.upstream(),
        "model": {"name": "m", "digest": format!("sha256:{}", "0a".repeat(32))},
        "admission": {"defaultTimeoutMilliseconds": 25_000, "maxTimeoutMilliseconds": 30_000},
        "advertise": {"endpointId": "edge-3", "url": "http://192.0.2.13:30080", "zone": "site-a"},
        "drain": {"quietMilliseconds": 1, "deadlineMilliseconds": 25_000},
    })
}

impl Sidecar {
    /// Starts one that is ready.
    pub fn start(server: &impl Behind) -> Self {
        Self::with(server, |_| {})
    }

    /// Starts one that is ready, with changes to the configuration.
    pub fn with(server: &impl Behind, change: impl FnOnce(&mut Value)) -> Self {
        Self::over(Over::Clear, server, change)
    }

    /// Starts one that is ready, in the clear or inside TLS.
    pub fn over(over: Over, server: &impl Behind, change: impl FnOnce(&mut Value)) -> Self {
        let sidecar = Self::launch(over, server, change);
        sidecar.wait_ready();
        sidecar
    }

    /// Starts one.
    pub fn unready(server: &impl Behind, change: impl FnOnce(&mut Value)) -> Self {
        Self::launch(Over::Clear, server, change)
    }

    fn launch(over: Over, server: &impl Behind, change: impl FnOnce(&mut Value)) -> Self {
        let folder = Folder::new();
        let mut value = config(server, &folder);
        if over == Over::Tls {
            value["tls"] = SITE.server().files(&folder.0);
        }
        change(&mut value);
        let file = folder.file("config.yaml", value.to_string());
        let mut process = binary()
            .arg("--config")
            .arg(file)
            .env("RUST_LOG", "debug")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let writing = Arc::clone(&log);
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| writing.lock().unwrap().push(line))
        });
        let started = || log.lock().unwrap().iter().find(|line| line.contains("\"started\"")).cloned();
        let until = Instant::now() + PATIENCE;
        while started().is_none() {
            assert!(Instant::now() < until, "did not start: {:?}", log.lock().unwrap());
            std::thread::sleep(Duration::from_millis(2));
        }
        let line: Value = serde_json::from_str(&started().unwrap()).unwrap();
        let address = |key: &str| line[key].as_str().unwrap().parse().unwrap();
        Self { over, process, address: address("listen"), admin: address("admin"), folder, log }
    }

    pub fn wait_ready(&self) {
        eventually("readiness", || self.admin("/readyz").status == 200);
    }

    pub fn admin(&self, path: &str) -> Reply {
        Client::to(self.admin).ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }

    pub fn client(&self) -> Client {
        match self.over {
            Over::Clear => Client::to(self.address),
            Over::Tls => Client::tls(self.address, SITE.client()),
        }
    }

    pub fn get(&self, path: &str) -> Reply {
        self.client().ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }

    /// A complete inference over a connection of its own.
    pub fn infer(&self, headers: &str, body: &str) -> Reply {
        self.client().ask(&infer(headers, body))
    }

    /// The count of an outcome, over HTTP/1.
    pub fn count(&self, outcome: &str) -> u64 {
        self.count_over("http1", outcome)
    }

    /// The count of an outcome.
    pub fn count_over(&self, protocol: &str, outcome: &str) -> u64 {
        let line =
            format!("longshore_sidecar_requests_total{{outcome=\"{outcome}\",protocol=\"{protocol}\"}} ");
        let page = self.admin("/metrics").text();
        page.lines().find_map(|row| row.strip_prefix(&line)).map_or(0, |count| count.parse().unwrap())
    }

    /// One gauge of the metrics.
    pub fn gauge(&self, name: &str) -> u64 {
        let page = self.admin("/metrics").text();
        let prefix = format!("longshore_sidecar_{name} ");
        page.lines().find_map(|row| row.strip_prefix(&prefix)).unwrap().parse().unwrap()
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    pub fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the process to end by itself.
    pub fn exit_code(&mut self) -> Option<i32> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "does not exit");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the sidecar\n{}", self.log());
        }
    }
}

pub const HEAD: &str = "POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\n";

/// An inference as text.
pub fn infer(headers: &str, body: &str) -> String {
    format!("{HEAD}Content-Length: {}\r\n{headers}\r\n{body}", body.len())
}

/// A connection that speaks bytes.
pub struct Client {
    pub stream: TcpStream,
    reader: BufReader<Link>,
}

enum Link {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Link {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(buf),
            Self::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for Link {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.write(buf),
            Self::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Clear(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A response.
#[derive(Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The connection ended before the body did.
    pub cut: bool,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn outcome(&self) -> &str {
        self.header("longshore-outcome").unwrap_or("")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks a refusal whole: status, outcome, advice, and a problem that says the same.
    #[track_caller]
    pub fn refused(&self, status: u16, outcome: &str) {
        assert_eq!((self.status, self.outcome()), (status, outcome), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("longshore-endpoint"), Some("edge-3"));
        let problem = self.json();
        assert_eq!(problem["outcome"], outcome);
        assert_eq!(problem["error"], outcome, "what clients of the Open Inference Protocol read");
        assert_eq!(problem["advice"], self.header("longshore-advice").unwrap());
        assert!(self.body.len() <= 200 && problem["estimatedWaitMilliseconds"].is_u64());
    }
}

impl Client {
    pub fn to(address: SocketAddr) -> Self {
        Self::linked(address, Link::Clear)
    }

    /// One that speaks inside TLS; the handshake comes with the first byte that is sent or awaited.
    pub fn tls(address: SocketAddr, config: ClientConfig) -> Self {
        let session = ClientConnection::new(Arc::new(config), host()).unwrap();
        Self::linked(address, |tcp| Link::Tls(Box::new(StreamOwned::new(session, tcp))))
    }

    /// One that comes from an address of its own.
    pub fn from(source: Ipv4Addr, address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let stream = runtime.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((source, 0).into()).unwrap();
            socket.connect(address).await.unwrap().into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        Self::over(stream, Link::Clear)
    }

    fn linked(address: SocketAddr, link: impl FnOnce(TcpStream) -> Link) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), link)
    }

    fn over(stream: TcpStream, link: impl FnOnce(TcpStream) -> Link) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let reader = BufReader::new(link(stream.try_clone().unwrap()));
        Self { stream, reader }
    }

    /// The handshake as it came out.
    pub fn session(&mut self) -> Result<&ClientConnection, rustls::Error> {
        let Link::Tls(tls) = self.reader.get_mut() else { panic!("in the clear") };
        if tls.conn.is_handshaking()
            && let Err(error) = tls.conn.complete_io(&mut tls.sock)
        {
            return Err(error.downcast().expect("TLS says why"));
        }
        Ok(&tls.conn)
    }

    pub fn send(&mut self, text: impl AsRef<[u8]>) {
        // The other side may have answered and closed; the answer is what the test reads next.
        let _ = self.reader.get_mut().write_all(text.as_ref());
    }

    pub fn ask(&mut self, text: &str) -> Reply {
        self.send(text);
        self.reply()
    }

    /// Whether an answer has begun to arrive.
    pub fn is_answered(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let arrived = self.stream.peek(&mut [0; 1]).is_ok_and(|bytes| bytes > 0);
        self.stream.set_nonblocking(false).unwrap();
        arrived
    }

    /// Whether the connection is closed, without another byte.
    pub fn is_closed(&mut self) -> bool {
        match self.reader.read(&mut [0; 1]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof),
        }
    }

    /// Whether the other side said that the connection ends here.
    pub fn is_ended(&mut self) -> bool {
        matches!(self.reader.read(&mut [0; 1]), Ok(0))
    }

    /// A head, and the connection stands before its body.
    pub fn head(&mut self) -> Reply {
        let mut reply = Reply::default();
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).unwrap();
            assert!(!line.is_empty(), "closed without an answer");
            let line = line.trim_end();
            match line.split_once(": ") {
                _ if line.is_empty() => return reply,
                _ if reply.status == 0 => reply.status = line[9..12].parse().unwrap(),
                Some((name, value)) => reply.headers.push((name.to_ascii_lowercase(), value.into())),
                None => panic!("header line {line:?}"),
            }
        }
    }

    pub fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        self.rest(&mut reply);
        reply
    }

    /// The body behind a head.
    pub fn rest(&mut self, reply: &mut Reply) {
        if reply.header("transfer-encoding") == Some("chunked") {
            self.chunks(reply);
        } else if let Some(length) = reply.header("content-length") {
            let mut body = vec![0; length.parse().unwrap()];
            let mut have = 0;
            while have < body.len() {
                match self.reader.read(&mut body[have..]) {
                    Ok(taken @ 1..) => have += taken,
                    _ => break,
                }
            }
            reply.cut = have < body.len();
            body.truncate(have);
            reply.body = body;
        }
    }

    fn chunks(&mut self, reply: &mut Reply) {
        loop {
            let mut line = String::new();
            let read = self.reader.read_line(&mut line);
            let Ok(size) = usize::from_str_radix(line.trim_end(), 16) else {
                reply.cut = true;
                return;
            };
            let mut data = vec![0; size + 2];
            if read.is_err() || self.reader.read_exact(&mut data).is_err() {
                reply.cut = true;
                return;
            }
            reply.body.extend_from_slice(&data[..size]);
            if size == 0 {
                return;
            }
        }
    }

    /// Everything until the end.
    pub fn read_to_end(&mut self, rest: &mut Vec<u8>) -> std::io::Result<usize> {
        self.reader.read_to_end(rest)
    }

    /// Whether an answer comes and not the end.
    pub fn is_heard(&mut self) -> bool {
        self.reader.read(&mut [0; 1]).is_ok_and(|bytes| bytes > 0)
    }

    /// Exactly so many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).unwrap();
        bytes
    }
}
