//! Bytes that wait in the kernel, on their way from one socket to another, without being read. In: a socket that has some.
//! Out: a pipe that holds them. Pipes are kept for the next body: to make one costs more than to fill it.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// What a pipe should hold. The kernel gives less where this user's pipes hold much already.
const BYTES: usize = 1 << 20;

/// Pipes that wait for their next body.
#[derive(Debug)]
pub struct Pipes {
    idle: Mutex<Vec<Ends>>,
    idle_max: usize,
}

#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

/// A pipe, with the bytes in it.
#[derive(Debug)]
pub struct Pipe {
    /// Present until it is dropped.
    ends: Option<Ends>,
    bytes: u64,
    home: Arc<Pipes>,
}

impl Pipes {
    pub fn new(idle_max: usize) -> Arc<Self> {
        Arc::new(Self { idle: Mutex::default(), idle_max })
    }

    /// An empty pipe; `None` where the system gives none.
    pub fn take(self: &Arc<Self>) -> Option<Pipe> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let ends = kept.or_else(|| {
            let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
            let _ = fcntl_setpipe_size(&write, BYTES);
            Some(Ends { read, write })
        })?;
        Some(Pipe { ends: Some(ends), bytes: 0, home: Arc::clone(self) })
    }
}

impl Pipe {
    /// How much is in it.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// More was moved in.
    pub fn filled(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Some was moved out.
    pub fn drained(&mut self, bytes: usize) {
        self.bytes -= bytes as u64;
    }

    pub fn reader(&self) -> BorrowedFd<'_> {
        self.ends.as_ref().expect("taken by drop only").read.as_fd()
    }

    pub fn writer(&self) -> BorrowedFd<'_> {
        self.ends.as_ref().expect("taken by drop only").write.as_fd()
    }
}

impl Drop for Pipe {
    /// One that still holds something would give it to the next body.
    fn drop(&mut self) {
        let mut idle = self.home.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ends) = self.ends.take()
            && self.bytes == 0
            && idle.len() < self.home.idle_max
        {
            idle.push(ends);
        }
    }
}
