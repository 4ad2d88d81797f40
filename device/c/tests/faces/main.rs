//! The device library as other languages meet it: the code of the pages, and what callers do wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod built;
mod c;
mod edge;
mod header;
mod page;
mod python;
mod rust;
