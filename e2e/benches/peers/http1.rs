//! Just enough HTTP/1.1 for both ends of a benchmark. In: a connection. Out: one head after another, their bodies dropped.

use std::io;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What the ends want to know of a head.
pub struct Head {
    /// The first line.
    pub first: String,
    /// Whether the server is to hold this request.
    pub holds: bool,
    length: usize,
}

/// The line that asks the server to hold a request.
pub const HOLD: &str = "x-bench-hold: 1\r\n";

/// What came over a connection and was not looked at.
pub struct Reader {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self { buffer: vec![0; 64 << 10].into(), start: 0, end: 0 }
    }
}

impl Reader {
    /// The next head; `None` when the connection ended before it.
    pub async fn head(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Head>> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        loop {
            if let Some(head) = find(&self.buffer[..self.end]) {
                self.start = head + 4;
                return Head::parse(&self.buffer[..head]).map(Some);
            }
            ensure!(self.end < self.buffer.len(), "a head of more than {} bytes", self.end);
            let count = stream.read(&mut self.buffer[self.end..]).await?;
            if count == 0 {
                ensure!(self.end == 0, "the connection ended within a head");
                return Ok(None);
            }
            self.end += count;
        }
    }

    /// Reads to the end of the body of a head.
    pub async fn body(&mut self, stream: &mut (impl AsyncRead + Unpin), head: &Head) -> Result<()> {
        let here = head.length.min(self.end - self.start);
        self.start += here;
        let mut left = head.length - here;
        while left > 0 {
            let room = left.min(self.buffer.len());
            let count = stream.read(&mut self.buffer[..room]).await?;
            ensure!(count > 0, io::Error::from(io::ErrorKind::UnexpectedEof));
            left -= count;
        }
        Ok(())
    }
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).context("a head that is no text")?;
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let mut head = Self { first, holds: false, length: 0 };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                head.length = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("x-bench-hold") {
                head.holds = true;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                bail!("a body in chunks where its length is known: {text}");
            }
        }
        Ok(head)
    }
}

fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n")
}
