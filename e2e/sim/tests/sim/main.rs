//! The simulator by its front door: the same seed gives the same figures, nothing is lost or counted twice, nobody beats
//! whoever knows everything, and the published shape comes out.

mod agenda;
mod conservation;
mod determinism;
mod memory;
mod oracle;
mod published;
mod short;
