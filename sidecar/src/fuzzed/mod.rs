//! Fuzz targets: what reads bytes of strangers, each with a property beyond not to panic. `make fuzz` runs them longer.

mod config;
mod credentials;
mod download;
mod heads;
mod lines;
