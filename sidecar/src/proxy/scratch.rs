//! Room to read into, one for the whole thread: a connection that waits owns none. In: a read. Out: what it returned.

use std::cell::RefCell;

/// Most that one read brings.
const BYTES: usize = 64 << 10;

thread_local! {
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; BYTES]);
}

/// Lends the first `bytes` of the room. What they hold is whatever was read last.
pub fn lend<T>(bytes: usize, read: impl FnOnce(&mut [u8]) -> T) -> T {
    ROOM.with_borrow_mut(|room| read(&mut room[..bytes.min(BYTES)]))
}
