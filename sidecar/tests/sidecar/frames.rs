//! HTTP/2 frame by frame, for what no client library would send.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::harness::PATIENCE;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub const PROTOCOL_ERROR: u32 = 1;
pub const CANCEL: u32 = 8;
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block of literals, none of which enters a table.
pub fn block(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in lines {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, 0, 127, text.len());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// An integer of HPACK behind `bits`, in what `max` leaves of the first byte.
pub fn integer(to: &mut Vec<u8>, bits: u8, max: u8, value: usize) {
    let Some(mut rest) = value.checked_sub(max.into()) else {
        return to.push(bits | u8::try_from(value).unwrap());
    };
    to.push(bits | max);
    while rest >= 128 {
        to.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    to.push(u8::try_from(rest).unwrap());
}

/// A request's head with these lines behind the usual ones.
pub fn ask(stream: u32, flags: u8, method: &str, path: &str, lines: &[(&str, &str)]) -> Vec<u8> {
    let usual = [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)];
    let block = block(&[&usual, lines].concat());
    frame(HEADERS, flags | END_HEADERS, stream, &block)
}

/// A connection that speaks frames.
pub struct Raw {
    stream: TcpStream,
    last_stream: u32,
}

impl Raw {
    /// One that has said its preface.
    pub fn open(address: SocketAddr) -> Self {
        Self::with_settings(address, &[])
    }

    pub fn with_settings(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let pairs: Vec<u8> = settings
            .iter()
            .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        let mut raw = Self { stream, last_stream: 0 };
        raw.send([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, &pairs)[..]].concat());
        raw
    }

    /// The number of a new stream.
    pub fn stream(&mut self) -> u32 {
        self.last_stream = (self.last_stream + 2) | 1;
        self.last_stream
    }

    /// Whether the other side took it.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// The next frame; `None` at the end of the connection.
    pub fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.fill(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.fill(&mut payload)?;
        Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }

    /// The next frame of this kind, for this stream.
    pub fn next_of(&mut self, kind: u8, stream: u32) -> Option<Frame> {
        std::iter::from_fn(|| self.next()).find(|frame| (frame.kind, frame.stream) == (kind, stream))
    }

    /// The end of the connection, and the error that it was closed with.
    pub fn end(&mut self) -> Option<u32> {
        let goaway = std::iter::from_fn(|| self.next()).filter(|frame| frame.kind == GOAWAY).last()?;
        Some(code(&goaway.payload[4..]))
    }

    /// How a stream was answered: its status, or the error that it or its connection was reset with.
    pub fn verdict(&mut self, stream: u32) -> Result<u16, u32> {
        loop {
            let frame = self.next().expect("closed without a word");
            match frame.kind {
                HEADERS if frame.stream == stream => return Ok(status(&frame.payload)),
                RST_STREAM if frame.stream == stream => return Err(code(&frame.payload)),
                GOAWAY => return Err(code(&frame.payload[4..])),
                _ => {}
            }
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                None
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn code(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().unwrap())
}

/// `:status`, as an encoder of HPACK writes it first: from the static table, or with a value that Huffman's code makes of
/// digits (five bits for 0, 1 and 2, six for the others).
fn status(block: &[u8]) -> u16 {
    const TABLE: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    match block {
        [first @ 0x88..=0x8e, ..] => TABLE[usize::from(first - 0x88)],
        [0x48, 0x80..=0xff, code @ ..] => {
            let bits: Vec<bool> =
                code.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1)).collect();
            let number = |bits: &[bool]| bits.iter().fold(0, |sum, bit| sum * 2 + u16::from(*bit));
            let mut at = 0;
            let mut digit = || {
                let short = number(&bits[at..at + 5]);
                let (length, digit) =
                    if short < 3 { (5, short) } else { (6, number(&bits[at..at + 6]) - 22) };
                at += length;
                digit
            };
            let (hundreds, tens, ones) = (digit(), digit(), digit());
            hundreds * 100 + tens * 10 + ones
        }
        _ => panic!("status in another form: {block:x?}"),
    }
}
