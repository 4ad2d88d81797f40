//! What the operator decides, asked as the operator asks: inputs in, children and status out. One program, because linking
//! one for each subject takes longer than running them all.

#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

mod drift;
mod golden;
mod quantity;
mod resources;
mod status;
mod support;
mod tenant;
mod validate;
