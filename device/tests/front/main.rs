//! Tests through the front door: the library's one call, and the program.

mod cli;
mod device;
mod support;
