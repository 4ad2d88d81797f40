//! HTTP/1 of the listener. In: a connection. Out: requests, one after the other, and their answers. Framing is read and
//! written here and nowhere else; a body passes in pieces, or without being read at all.

pub mod date;
pub mod framing;
pub mod head;
pub mod serve;
pub mod wire;

#[cfg(test)]
pub mod tests;
