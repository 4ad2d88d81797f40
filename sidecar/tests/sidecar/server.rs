//! A scripted model server: what it answers is the test's, what it saw is kept.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
};

use crate::harness::{PATIENCE, eventually};

/// A request as the server saw it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Every byte of its head.
    pub head: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

type Script = Arc<dyn Fn(&Seen, &mut TcpStream) + Send + Sync>;
type HeadScript = Arc<dyn Fn(&mut BufReader<TcpStream>) + Send + Sync>;

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    ready: bool,
    metadata: Option<Script>,
    script: Option<Script>,
    head_script: Option<HeadScript>,
    streams: Vec<TcpStream>,
    stopped: bool,
    /// Connections whose client has gone while the script was busy or after.
    hung_up: usize,
}

/// A scripted server on a port of its own.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

pub const ANSWER: &str = r#"{"outputs":[]}"#;

/// A complete answer.
pub fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
}

impl Server {
    /// Ready, without metadata, answering each inference at once.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::on(listener)
    }

    /// Each inference waits at a door.
    pub fn behind_door() -> (Self, Door) {
        let (server, door) = (Self::start(), Door::default());
        let at_door = door.clone();
        server.script(move |_, stream| {
            at_door.wait();
            answer(stream, "200 OK", ANSWER);
        });
        (server, door)
    }

    pub fn on(listener: TcpListener) -> Self {
        let state = State { ready: true, ..State::default() };
        let server = Self { address: listener.local_addr().unwrap(), state: Arc::new(Mutex::new(state)) };
        let accepting = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = accepting.clone();
                {
                    let mut state = server.state.lock().unwrap();
                    if state.stopped {
                        return;
                    }
                    state.streams.push(stream.try_clone().unwrap());
                }
                std::thread::spawn(move || server.serve(stream));
            }
        });
        server
    }

    /// What to do with an inference.
    pub fn script(&self, script: impl Fn(&Seen, &mut TcpStream) + Send + Sync + 'static) {
        self.state.lock().unwrap().script = Some(Arc::new(script));
    }

    /// What to do once the head of an inference was read: the body is the script's.
    pub fn head_script(&self, script: impl Fn(&mut BufReader<TcpStream>) + Send + Sync + 'static) {
        self.state.lock().unwrap().head_script = Some(Arc::new(script));
    }

    pub fn set_ready(&self, ready: bool) {
        self.state.lock().unwrap().ready = ready;
    }

    pub fn set_metadata(&self, text: &str) {
        let text = text.to_owned();
        self.metadata_script(move |_, stream| answer(stream, "200 OK", &text));
    }

    /// What to do when metadata are asked for.
    pub fn metadata_script(&self, script: impl Fn(&Seen, &mut TcpStream) + Send + Sync + 'static) {
        self.state.lock().unwrap().metadata = Some(Arc::new(script));
    }

    /// The inferences that came.
    pub fn inferences(&self) -> Vec<Seen> {
        let state = self.state.lock().unwrap();
        state.seen.iter().filter(|seen| seen.line.contains("/infer")).cloned().collect()
    }

    /// Falls: connections break, the port is closed.
    pub fn stop(&self) {
        let streams = {
            let mut state = self.state.lock().unwrap();
            state.stopped = true;
            std::mem::take(&mut state.streams)
        };
        for stream in streams {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        eventually("a closed port", || TcpStream::connect(self.address).is_err());
    }

    /// How many connections were closed by the other side while an inference was in the works.
    pub fn hung_up(&self) -> usize {
        self.state.lock().unwrap().hung_up
    }

    fn serve(&self, stream: TcpStream) {
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        while let Some(mut seen) = read_head(&mut reader) {
            if seen.line.contains("/infer") {
                self.state.lock().unwrap().seen.push(seen.clone());
                let head_script = self.state.lock().unwrap().head_script.clone();
                if let Some(script) = head_script {
                    script(&mut reader);
                    continue;
                }
                let Some(body) = read_body(&mut reader, &seen) else { return };
                seen.body = body;
                if let Some(last) = self.state.lock().unwrap().seen.last_mut() {
                    last.body.clone_from(&seen.body);
                }
                let script = self.state.lock().unwrap().script.clone();
                match script {
                    Some(script) => script(&seen, &mut writer),
                    None => answer(&mut writer, "200 OK", ANSWER),
                }
                continue;
            }
            let (ready, metadata) = {
                let state = self.state.lock().unwrap();
                (state.ready, state.metadata.clone())
            };
            match (seen.line.ends_with("/ready HTTP/1.1"), ready, metadata) {
                (true, true, _) => answer(&mut writer, "200 OK", ""),
                (true, false, _) => answer(&mut writer, "503 Service Unavailable", ""),
                (false, _, Some(script)) => script(&seen, &mut writer),
                (false, _, None) => answer(&mut writer, "404 Not Found", ""),
            }
        }
        self.state.lock().unwrap().hung_up += 1;
    }
}

pub fn read_head(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut seen = Seen::default();
    loop {
        let mut bytes = Vec::new();
        if reader.read_until(b'\n', &mut bytes).ok()? == 0 {
            return None;
        }
        seen.head.extend(&bytes);
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end();
        if line.is_empty() {
            return Some(seen);
        }
        match line.split_once(':') {
            _ if seen.line.is_empty() => seen.line = line.into(),
            Some((name, value)) => seen.headers.push((name.to_ascii_lowercase(), value.trim().into())),
            None => panic!("header line {line:?}"),
        }
    }
}

pub fn read_body(reader: &mut BufReader<TcpStream>, seen: &Seen) -> Option<Vec<u8>> {
    if seen.header("transfer-encoding") != Some("chunked") {
        let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        return reader.read_exact(&mut body).ok().map(|()| body);
    }
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim_end(), 16).ok()?;
        let start = body.len();
        body.resize(start + size + 2, 0);
        reader.read_exact(&mut body[start..]).ok()?;
        body.truncate(start + size);
        if size == 0 {
            return Some(body);
        }
    }
}

/// A door that a script waits at until the test opens it.
#[derive(Clone, Default)]
pub struct Door(Arc<(Mutex<(usize, usize)>, Condvar)>);

impl Door {
    /// Waits for one opening.
    pub fn wait(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.0 += 1;
        changed.notify_all();
        let (mut state, late) = changed.wait_timeout_while(state, PATIENCE, |state| state.1 == 0).unwrap();
        assert!(!late.timed_out(), "nobody opened the door");
        state.1 -= 1;
    }

    /// Lets `count` through.
    pub fn open(&self, count: usize) {
        self.0.0.lock().unwrap().1 += count;
        self.0.1.notify_all();
    }

    /// Waits until `count` have come.
    pub fn wait_for(&self, count: usize) {
        eventually("scripts at the door", || self.0.0.lock().unwrap().0 >= count);
    }
}
