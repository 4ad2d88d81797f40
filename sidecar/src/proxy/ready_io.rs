//! Reading, writing and moving on a socket that others may hold too. In: a shared socket and memory. Out: bytes taken or
//! given. A read that brings less than it could has emptied the socket: it is not asked again before there is news.

use std::{
    io::{self, IoSlice},
    os::fd::AsFd,
    task::{Context, Poll, ready},
};

use rustix::{
    io::{Errno, ioctl_fionread, writev},
    net::{SendFlags, send},
    pipe::{SpliceFlags, splice},
};
use tokio::{
    io::Interest,
    net::{TcpStream, UnixStream},
};

/// What the two kinds of sockets have in common.
pub trait ReadyIo: AsFd {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn attempt<T>(&self, interest: Interest, step: impl FnOnce() -> io::Result<T>) -> io::Result<T>;
    fn read_some(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// Reads; 0 is the end.
    fn poll_take(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_readable(cx))?;
            match self.read_some(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(taken) => {
                    if 0 < taken && taken < buf.len() {
                        self.await_news();
                    }
                    return Poll::Ready(Ok(taken));
                }
                result => return Poll::Ready(result),
            }
        }
    }

    /// Writes.
    fn poll_give(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll_out(cx, || Ok(writev(self.as_fd(), bufs)?))
    }

    /// Writes what more will follow at once: it goes with that.
    fn poll_give_before(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_out(cx, || Ok(send(self.as_fd(), bytes, SendFlags::MORE | SendFlags::NOSIGNAL)?))
    }

    /// Moves bytes out of a pipe that holds some.
    fn poll_give_from(
        &self,
        cx: &mut Context<'_>,
        pipe: impl AsFd + Copy,
        bytes: usize,
    ) -> Poll<io::Result<usize>> {
        self.poll_out(cx, || Ok(splice(pipe, None, self.as_fd(), None, bytes, SpliceFlags::NONBLOCK)?))
    }

    fn poll_out(
        &self,
        cx: &mut Context<'_>,
        mut step: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_writable(cx))?;
            match self.attempt(Interest::WRITABLE, &mut step) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Moves what has come into a pipe; `None` where the pipe has no room, 0 is the end.
    fn poll_take_into(
        &self,
        cx: &mut Context<'_>,
        pipe: impl AsFd + Copy,
        bytes: usize,
    ) -> Poll<io::Result<Option<usize>>> {
        loop {
            ready!(self.poll_readable(cx))?;
            let moved = self.attempt(Interest::READABLE, || {
                let step = || splice(self.as_fd(), None, pipe, None, bytes, SpliceFlags::NONBLOCK);
                // The kernel says the same of an empty socket and of a full pipe. What has come since the first try
                // can be moved by the second, if there is room.
                match step() {
                    Err(Errno::AGAIN) if ioctl_fionread(self.as_fd())? > 0 => match step() {
                        Err(Errno::AGAIN) => Ok(None),
                        moved => Ok(Some(moved?)),
                    },
                    moved => Ok(Some(moved?)),
                }
            });
            match moved {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Waits for news before the next read.
    fn await_news(&self) {
        let _ = self.attempt::<()>(Interest::READABLE, || Err(io::ErrorKind::WouldBlock.into()));
    }
}

macro_rules! socket {
    ($socket:ty) => {
        impl ReadyIo for $socket {
            fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_read_ready(cx)
            }

            fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_write_ready(cx)
            }

            fn attempt<T>(&self, interest: Interest, step: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
                self.try_io(interest, step)
            }

            fn read_some(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.try_read(buf)
            }
        }
    };
}

socket!(TcpStream);
socket!(UnixStream);
