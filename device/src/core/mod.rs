//! The decision, sans I/O: events and the time enter, effects leave. It never waits, reads a clock, draws a random
//! number or allocates; whoever drives it passes `now_us` (monotonic, any origin) and 32 random bits with each event.
//!
//! In reading order: [`profile`] what the device costs and holds, [`estimate`] and [`uplink`] what was measured, [`breaker`]
//! and [`endpoint`] what is known of one endpoint, [`fleet`] of all, [`budget`], [`radio`] and [`look`] what may be spent
//! beside requests, [`credits`] how much the site lets the device send, [`guide`] when to ask for routes, [`model`] all that
//! is kept for one model, [`decide`] here or there, [`moves`] how often that changes, [`cost`] which is cheaper, [`route`]
//! which endpoint, [`event`] and [`request`] (with `clock`) the life of one request, [`outcome`] how it ends, [`account`] what
//! it cost, [`probe`] what is asked beside requests.

pub mod account;
pub mod breaker;
pub mod budget;
mod clock;
pub mod cost;
pub mod credits;
pub mod decide;
pub mod endpoint;
pub mod estimate;
pub mod event;
pub mod fleet;
pub mod guide;
mod learn;
pub mod look;
pub mod model;
pub mod moves;
pub mod outcome;
pub mod probe;
pub mod profile;
pub mod radio;
pub mod request;
pub mod route;
pub mod uplink;
pub mod when;

#[cfg(test)]
mod decide_tests;
#[cfg(test)]
mod learn_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod request_tests;
#[cfg(test)]
mod world;
