//! Admission: which requests an endpoint lets in, and who goes first. Pure: time is an argument, and nothing here waits,
//! reads a clock or draws a random number, so that the simulator runs what ships.
//!
//! In reading order: [`party`] whom a request counts for, [`measure`] what the last requests cost, [`load`] what is made
//! of that, [`admit`] the decision, [`line`](mod@line) slots and those who wait, [`share`] who had how much.

pub mod admit;
pub mod line;
pub mod load;
pub mod measure;
pub mod party;
pub mod share;

#[cfg(test)]
mod simulation;
