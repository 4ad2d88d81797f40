//! A host that serves one file over https, as a site's model store does: certificates of its own authority, ranges.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    net::{IpAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivateKeyDer};

/// A host that answers until the value goes away.
pub struct ModelHost {
    /// `ADDRESS:PORT`, as in a class's `allowedHosts`.
    pub host: String,
    /// The certificate to trust, PEM.
    pub ca: String,
    ends: Arc<AtomicBool>,
}

impl ModelHost {
    /// Serves `file` under every path on a free port of `address`, which nodes must be able to dial.
    ///
    /// # Errors
    /// When the port or the certificate cannot be had.
    pub fn new(address: IpAddr, file: Vec<u8>) -> Result<Self> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![address.to_string()])?.self_signed(&key)?;
        let chain = vec![certificate.der().clone()];
        let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, private)?;
        let listener = TcpListener::bind((address, 0))?;
        let host = listener.local_addr()?.to_string();
        let ends = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ends);
        let config = Arc::new(config);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (config, file) = (Arc::clone(&config), file.clone());
                thread::spawn(move || answer(config, connection, &file));
            }
        });
        Ok(Self { host, ca: certificate.pem(), ends })
    }
}

impl Drop for ModelHost {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        TcpStream::connect(&self.host).ok();
    }
}

fn answer(config: Arc<ServerConfig>, connection: TcpStream, file: &[u8]) -> Result<()> {
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    let stream = StreamOwned::new(ServerConnection::new(config)?, connection);
    let mut reader = BufReader::new(stream);
    let from = range(&mut reader)?.unwrap_or(0).min(file.len());
    let rest = &file[from..];
    let head = if from == 0 {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}", rest.len())
    } else {
        let last = file.len().saturating_sub(1);
        format!(
            "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\ncontent-range: bytes {from}-{last}/{}",
            rest.len(),
            file.len()
        )
    };
    let stream = reader.get_mut();
    write!(stream, "{head}\r\nconnection: close\r\n\r\n")?;
    stream.write_all(rest)?;
    stream.conn.send_close_notify();
    stream.flush().context("the client left")
}

/// Reads a request head; the first byte that it asks for, if it asks for a range.
fn range(reader: &mut BufReader<impl Read>) -> Result<Option<usize>> {
    let mut from = None;
    for line in reader.take(16 << 10).lines() {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("range: bytes=") {
            from = value.split('-').next().and_then(|first| first.parse().ok());
        }
    }
    Ok(from)
}
