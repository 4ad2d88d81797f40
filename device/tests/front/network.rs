//! The network between a device and an endpoint, as bad as a test wants it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::{Endpoint, request};

/// What happens to a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// It leads to the endpoint.
    Fair,
    /// It opens, and then nobody is there: no answer, no end.
    Swallowed,
    /// It is closed as soon as it is open.
    Refused,
    /// Whatever is asked, a captive portal says this.
    Portal(&'static str),
}

/// An address that leads to an endpoint.
#[derive(Clone)]
pub struct Network {
    pub url: String,
    weather: Arc<Mutex<Weather>>,
    endpoint: Arc<Mutex<SocketAddr>>,
    /// Connections that are open: their peers vanish when the weather says so.
    open: Arc<Mutex<Vec<Link>>>,
    /// Inferences that a portal got to see.
    pub leaked: Arc<AtomicUsize>,
}

type Link = Arc<Mutex<Weather>>;

impl Network {
    pub fn to(endpoint: &Endpoint) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let network = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            weather: Arc::new(Mutex::new(Weather::Fair)),
            endpoint: Arc::new(Mutex::new(address(endpoint))),
            open: Arc::default(),
            leaked: Arc::default(),
        };
        let each = network.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let each = each.clone();
                thread::spawn(move || each.carry(stream.unwrap()));
            }
        });
        network
    }

    /// For connections that are opened from now on.
    pub fn turn(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    /// The peers of all open connections vanish without a word. New connections are as the weather is.
    pub fn vanish(&self) {
        for link in self.open.lock().unwrap().drain(..) {
            *link.lock().unwrap() = Weather::Swallowed;
        }
    }

    /// The same address leads to another endpoint now; open connections break.
    pub fn lead_to(&self, endpoint: &Endpoint) {
        *self.endpoint.lock().unwrap() = address(endpoint);
        for link in self.open.lock().unwrap().drain(..) {
            *link.lock().unwrap() = Weather::Refused;
        }
    }

    /// Opened before the weather turned, such a connection ends with its next request.
    pub fn break_open(&self) {
        for link in self.open.lock().unwrap().drain(..) {
            *link.lock().unwrap() = Weather::Refused;
        }
    }

    fn carry(&self, stream: TcpStream) {
        let weather = *self.weather.lock().unwrap();
        match weather {
            Weather::Refused => {}
            Weather::Swallowed => swallow(stream),
            Weather::Portal(words) => self.portal(stream, words),
            Weather::Fair => {
                let link: Link = Arc::new(Mutex::new(Weather::Fair));
                self.open.lock().unwrap().push(Arc::clone(&link));
                let to = TcpStream::connect(*self.endpoint.lock().unwrap()).unwrap();
                let (back_from, back_to, back_link) =
                    (to.try_clone().unwrap(), stream.try_clone().unwrap(), Arc::clone(&link));
                thread::spawn(move || pipe(back_from, back_to, &back_link));
                pipe(stream, to, &link);
            }
        }
    }

    fn portal(&self, stream: TcpStream, words: &str) {
        let mut reader = std::io::BufReader::new(stream);
        while let Some(question) = request(&mut reader) {
            self.leaked.fetch_add(usize::from(question.target.ends_with("/infer")), Ordering::SeqCst);
            if reader.get_mut().write_all(words.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn address(endpoint: &Endpoint) -> SocketAddr {
    endpoint.url.trim_start_matches("http://").parse().unwrap()
}

fn pipe(mut from: TcpStream, mut to: TcpStream, link: &Link) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let weather = *link.lock().unwrap();
        match weather {
            Weather::Fair if to.write_all(&bytes[..length]).is_ok() => {}
            Weather::Swallowed => {}
            _ => break,
        }
    }
    let weather = *link.lock().unwrap();
    if weather == Weather::Swallowed {
        swallow(from);
    } else {
        // Both directions end; that one of them is gone already is no matter.
        to.shutdown(std::net::Shutdown::Both).ok();
        from.shutdown(std::net::Shutdown::Both).ok();
    }
}

/// Reads and never answers, until the device gives up.
fn swallow(mut stream: TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(1..) = stream.read(&mut bytes) {}
}
