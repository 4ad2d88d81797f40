//! Follows the bytes of an HTTP/1 connection through heads and bodies, so that every head is checked before the parser
//! sees the end of it. In: bytes as they arrive. Out: nothing, or the fault. It holds the bytes of one head at most.

use super::head::{self, Fault, Framing};

/// Where a connection stands.
#[derive(Debug)]
pub struct Scanner {
    state: State,
    head: Vec<u8>,
    headers_max: usize,
    header_bytes_max: usize,
}

#[derive(Debug)]
enum State {
    Head,
    Length(u64),
    Chunk(Chunk),
    Failed(Fault),
}

/// Where a chunked body stands.
#[derive(Clone, Copy, Debug)]
enum Chunk {
    Size { size: u64, digits: u8 },
    Extension { size: u64, bytes: u16 },
    SizeEnd(u64),
    Data(u64),
    DataCr,
    DataLf,
    LastCr,
    LastLf,
}

impl Scanner {
    pub fn new(headers_max: usize, header_bytes_max: usize) -> Self {
        Self { state: State::Head, head: Vec::new(), headers_max, header_bytes_max }
    }

    /// Whether a head has begun and not ended.
    pub fn in_head(&self) -> bool {
        self.unfinished() > 0
    }

    /// The bytes of a head that has not ended; they are the last that were scanned.
    pub fn unfinished(&self) -> usize {
        self.head.len()
    }

    /// Takes the next bytes. After a fault every further byte is the same fault.
    pub fn scan(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while let Some(first) = bytes.first().copied() {
            match self.step(first, bytes) {
                Ok(taken) => bytes = &bytes[taken..],
                Err(fault) => {
                    self.state = State::Failed(fault);
                    return Err(fault);
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, first: u8, bytes: &[u8]) -> Result<usize, Fault> {
        match &mut self.state {
            State::Failed(fault) => Err(*fault),
            State::Head => self.head_byte(first).map(|()| 1),
            State::Length(left) => {
                let taken = skip(left, bytes);
                if *left == 0 {
                    self.state = State::Head;
                }
                Ok(taken)
            }
            State::Chunk(Chunk::Data(left)) => {
                let taken = skip(left, bytes);
                if *left == 0 {
                    self.state = State::Chunk(Chunk::DataCr);
                }
                Ok(taken)
            }
            State::Chunk(chunk) => {
                self.state = chunk_byte(*chunk, first)?;
                Ok(1)
            }
        }
    }

    fn head_byte(&mut self, byte: u8) -> Result<(), Fault> {
        let previous = self.head.last().copied();
        match (previous, byte) {
            (None, b'\r' | b'\n') => return Err(Fault::Broken("empty line before the request")),
            (Some(b'\r'), b'\n') => {}
            (_, b'\n') => return Err(Fault::Broken("bare LF")),
            (Some(b'\r'), _) => return Err(Fault::Broken("bare CR")),
            _ => {}
        }
        if self.head.len() >= self.header_bytes_max {
            let in_line = !self.head.contains(&b'\n');
            return Err(if in_line { Fault::TargetTooLong } else { Fault::TooLarge });
        }
        self.head.push(byte);
        if self.head.ends_with(b"\r\n\r\n") {
            // The buffer goes with its head: an idle connection keeps none.
            let head = std::mem::take(&mut self.head);
            self.state = match head::check(&head, self.headers_max)? {
                Framing::Length(0) => State::Head,
                Framing::Length(left) => State::Length(left),
                Framing::Chunked => State::Chunk(Chunk::Size { size: 0, digits: 0 }),
            };
        }
        Ok(())
    }
}

fn skip(left: &mut u64, bytes: &[u8]) -> usize {
    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    *left -= taken as u64;
    taken
}

/// One byte of a chunked body outside its data. Trailers are refused: nothing here reads them.
fn chunk_byte(chunk: Chunk, byte: u8) -> Result<State, Fault> {
    const DIGITS_MAX: u8 = 8;
    const EXTENSION_BYTES_MAX: u16 = 256;
    let next = match (chunk, byte) {
        (Chunk::Size { size, digits }, _) if byte.is_ascii_hexdigit() && digits < DIGITS_MAX => {
            let digit = char::from(byte).to_digit(16).unwrap_or_default();
            Chunk::Size { size: size * 16 + u64::from(digit), digits: digits + 1 }
        }
        (Chunk::Size { size, digits: 1.. }, b'\r') | (Chunk::Extension { size, .. }, b'\r') => {
            Chunk::SizeEnd(size)
        }
        (Chunk::Size { size, digits: 1.. }, b';') => Chunk::Extension { size, bytes: 0 },
        (Chunk::Extension { size, bytes }, b'\t' | b' '..=b'~') if bytes < EXTENSION_BYTES_MAX => {
            Chunk::Extension { size, bytes: bytes + 1 }
        }
        (Chunk::SizeEnd(0), b'\n') => Chunk::LastCr,
        (Chunk::SizeEnd(size), b'\n') => Chunk::Data(size),
        (Chunk::DataCr, b'\r') => Chunk::DataLf,
        (Chunk::DataLf, b'\n') => Chunk::Size { size: 0, digits: 0 },
        (Chunk::LastCr, b'\r') => Chunk::LastLf,
        (Chunk::LastLf, b'\n') => return Ok(State::Head),
        _ => return Err(Fault::Broken("broken chunk")),
    };
    Ok(State::Chunk(next))
}
