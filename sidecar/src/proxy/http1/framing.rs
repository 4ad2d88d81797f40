//! Where heads and bodies end: pure. In: the bytes of a connection in the order they came. Out: how many belong to the
//! head, or to the body of a request or a response. Whatever two parsers could read in two ways is a fault.

use super::head::Fault;

/// Looks for the end of a head, and remembers how far it has looked.
#[derive(Debug, Default)]
pub struct HeadEnd {
    /// Where the line begins that has not ended.
    line: usize,
    /// Where there is no line end before.
    looked: usize,
}

impl HeadEnd {
    /// The length of the head at the beginning of `bytes`, which have grown since the last time; `None` when it has not
    /// ended. No head is longer than `bytes_max`.
    pub fn find(&mut self, bytes: &[u8], bytes_max: usize) -> Result<Option<usize>, Fault> {
        let seen = &bytes[..bytes.len().min(bytes_max)];
        while let Some(at) = seen[self.looked..].iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let at = self.looked + at;
            self.looked = at;
            match (seen[at], seen.get(at + 1)) {
                _ if at == 0 => return Err(Fault::Broken("empty line before the request")),
                (b'\n', _) => return Err(Fault::Broken("bare LF")),
                (_, Some(b'\n')) if at == self.line => {
                    *self = Self::default();
                    return Ok(Some(at + 2));
                }
                (_, Some(b'\n')) => *self = Self { line: at + 2, looked: at + 2 },
                (_, Some(_)) => return Err(Fault::Broken("bare CR")),
                (_, None) => return if bytes.len() > bytes_max { Err(self.too_long()) } else { Ok(None) },
            }
        }
        self.looked = seen.len();
        if bytes.len() > bytes_max { Err(self.too_long()) } else { Ok(None) }
    }

    fn too_long(&self) -> Fault {
        if self.line == 0 { Fault::TargetTooLong } else { Fault::TooLarge }
    }
}

/// How the body behind a head ends, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked(Chunk),
    /// With the connection. Only a response may.
    UntilClose,
}

/// Where a chunked body stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    Size { size: u64, digits: u8 },
    Extension { size: u64, bytes: u16 },
    SizeEnd(u64),
    Data(u64),
    DataCr,
    DataLf,
    Last(Trailers),
    Over,
}

/// Where the part behind the last chunk stands, in bytes of a line and of all lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trailers {
    line: u16,
    bytes: u16,
    cr: bool,
}

impl Body {
    /// A body in chunks, from its beginning.
    pub const CHUNKED: Self = Self::Chunked(Chunk::Size { size: 0, digits: 0 });
    /// No body.
    pub const NONE: Self = Self::Length(0);

    /// Whether nothing of it is left.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Over))
    }

    /// How many bytes of it are left, where it says so.
    pub fn left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked(Chunk::Over) => Some(0),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }

    /// Reads past what is framing and no data. Returns its length.
    pub fn skip(&mut self, bytes: &[u8], trailers: Allow) -> Result<usize, Fault> {
        let Self::Chunked(chunk) = self else { return Ok(0) };
        let mut at = 0;
        while !matches!(chunk, Chunk::Data(_) | Chunk::Over) {
            let Some(byte) = bytes.get(at) else { break };
            *chunk = chunk.after(*byte, trailers)?;
            at += 1;
        }
        Ok(at)
    }

    /// How many of the bytes at hand are data, up to the next framing. They count as taken.
    pub fn take(&mut self, at_hand: usize) -> usize {
        let left = match self {
            Self::Length(left) | Self::Chunked(Chunk::Data(left)) => left,
            Self::UntilClose => return at_hand,
            Self::Chunked(_) => return 0,
        };
        let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(at_hand);
        *left -= taken as u64;
        if let Self::Chunked(chunk @ Chunk::Data(0)) = self {
            *chunk = Chunk::DataCr;
        }
        taken
    }
}

/// Whether lines behind the last chunk are read past. In a request they are refused: nothing here would obey them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allow {
    NoTrailers,
    Trailers,
}

impl Chunk {
    /// One byte of a chunked body outside its data.
    fn after(self, byte: u8, allow: Allow) -> Result<Self, Fault> {
        const DIGITS_MAX: u8 = 8;
        const EXTENSION_BYTES_MAX: u16 = 256;
        let next = match (self, byte) {
            (Self::Size { size, digits }, _) if byte.is_ascii_hexdigit() && digits < DIGITS_MAX => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                Self::Size { size: size * 16 + u64::from(digit), digits: digits + 1 }
            }
            (Self::Size { size, digits: 1.. }, b'\r') | (Self::Extension { size, .. }, b'\r') => {
                Self::SizeEnd(size)
            }
            (Self::Size { size, digits: 1.. }, b';') => Self::Extension { size, bytes: 0 },
            (Self::Extension { size, bytes }, b'\t' | b' '..=b'~') if bytes < EXTENSION_BYTES_MAX => {
                Self::Extension { size, bytes: bytes + 1 }
            }
            (Self::SizeEnd(0), b'\n') => Self::Last(Trailers::default()),
            (Self::SizeEnd(size), b'\n') => Self::Data(size),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::Size { size: 0, digits: 0 },
            (Self::Last(trailers), _) => trailers.after(byte, allow)?,
            _ => return Err(BROKEN_CHUNK),
        };
        Ok(next)
    }
}

const BROKEN_CHUNK: Fault = Fault::Broken("broken chunk");

impl Trailers {
    fn after(mut self, byte: u8, allow: Allow) -> Result<Chunk, Fault> {
        const BYTES_MAX: u16 = 8192;
        let is_empty = self.line == 0;
        match (self.cr, byte) {
            (false, b'\r') if is_empty || allow == Allow::Trailers => self.cr = true,
            (true, b'\n') if is_empty => return Ok(Chunk::Over),
            (true, b'\n') => self = Self { line: 0, cr: false, ..self },
            (false, b'\t' | b' '..=b'~' | 0x80..) if allow == Allow::Trailers && self.bytes < BYTES_MAX => {
                self = Self { line: self.line + 1, bytes: self.bytes + 1, cr: false };
            }
            _ => return Err(BROKEN_CHUNK),
        }
        Ok(Chunk::Last(self))
    }
}
