//! What both ends of a connection judge credentials by: files that may be replaced at any time, and a clock that may be
//! wrong. In: paths and moments. Out: certificates, keys, a time. It opens no connection and knows no protocol.

mod clock;
pub mod pem;
mod watched;

pub use clock::Clock;
pub use watched::{Watched, about};
