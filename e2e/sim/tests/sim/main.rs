//! The simulator by its front door: the same seed gives the same figures, nothing is lost or counted twice, nobody beats
//! whoever knows everything, the published shape comes out, and no promise about links can be broken unseen.

mod agenda;
mod conservation;
mod determinism;
mod links;
mod memory;
mod oracle;
mod published;
mod short;
