mod framing;
mod head;

use super::{
    framing::{Allow, Body, HeadEnd},
    head::{Fault, read},
};

/// What a connection does with bytes that come in pieces, without the connection.
pub struct Reader {
    ahead: Vec<u8>,
    head_end: HeadEnd,
    body: Body,
    headers_max: usize,
    header_bytes_max: usize,
    /// How many heads there were, and all data of bodies.
    pub heads: usize,
    pub data: Vec<u8>,
    failed: Option<Fault>,
}

impl Reader {
    pub fn new(headers_max: usize, header_bytes_max: usize) -> Self {
        Self {
            ahead: Vec::new(),
            head_end: HeadEnd::default(),
            body: Body::NONE,
            headers_max,
            header_bytes_max,
            heads: 0,
            data: Vec::new(),
            failed: None,
        }
    }

    /// Bytes of a head that has not ended.
    pub fn unfinished(&self) -> usize {
        if self.body.is_over() { self.ahead.len() } else { 0 }
    }

    /// Takes the next bytes. After a fault every further byte is the same fault.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(fault) = self.failed {
            return Err(fault);
        }
        self.ahead.extend_from_slice(bytes);
        let result = self.read();
        self.failed = result.err();
        result
    }

    fn read(&mut self) -> Result<(), Fault> {
        while !self.ahead.is_empty() {
            if self.body.is_over() {
                let Some(end) = self.head_end.find(&self.ahead, self.header_bytes_max)? else { break };
                let head: Vec<u8> = self.ahead.drain(..end).collect();
                self.body = read(&head.into(), self.headers_max)?.body;
                self.heads += 1;
            } else {
                let skipped = self.body.skip(&self.ahead, Allow::NoTrailers)?;
                self.ahead.drain(..skipped);
                let taken = self.body.take(self.ahead.len());
                self.data.extend(self.ahead.drain(..taken));
            }
        }
        Ok(())
    }
}
