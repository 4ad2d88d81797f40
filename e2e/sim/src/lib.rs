//! The fleet simulator: load balancing as published by others and as shipped by us, in virtual time and the same for the
//! same seed. `docs/simulation.md` has what it shows.
//!
//! In reading order: [`ramp`] and [`edge`] are what is simulated, [`world`] runs it, [`server`] stands behind the balancer,
//! [`policy`] are the balancers; [`links`] has the device's own program play recorded links; [`show`], [`report`] and [`cli`]
//! are what people see.

pub mod agenda;
pub mod cli;
pub mod edge;
pub mod links;
pub mod policy;
pub mod pool_of_threads;
pub mod ramp;
pub mod random;
pub mod report;
pub mod server;
pub mod show;
pub mod world;
