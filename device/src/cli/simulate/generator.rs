//! Links made up by a seed, of a kind that was fitted to recorded ones: a Markov chain over states of bandwidth, a step a
//! second. The first state is an outage; the bandwidth enters another state from the side that it comes from, by its logarithm,
//! and wanders in it as long as the state lasts.

use std::cmp::Ordering;

use anyhow::{Result, bail};

use super::fitted::{FOUR_G, THREE_G};
use super::trace::Row;
use crate::cli::dice::Dice;

/// States of the chain.
pub(super) const STATES: usize = 8;

/// Steps are given in this many parts.
pub(super) const PARTS: u64 = 10_000;

/// Length of a made-up link, in steps of a second.
const STEPS: usize = 600;

/// Farthest that the bandwidth wanders in a step, both ways together, as a share of its state's width.
const WANDER: f64 = 0.5;

/// How far it enters a state at most, as a share of the state's width.
const ENTRY: f64 = 0.6;

/// Steps before the first that counts, so that links begin as they go on.
const WARM_UP: usize = 100;

/// A kind of link.
pub(super) struct Kind {
    pub(super) round_trip_us: u64,
    /// Bounds of the states, in kbit/s.
    pub(super) bounds: [f64; STATES + 1],
    /// How often each state follows each, in 10,000 parts.
    pub(super) steps: [[u64; STATES]; STATES],
}

/// Rows of a link of this kind.
pub(super) fn stretches(kind: &str, mut dice: Dice) -> Result<Vec<Row>> {
    let kind = match kind {
        "4g" => &FOUR_G,
        "3g" => &THREE_G,
        _ => bail!("generated:{kind} is not known; there are generated:4g and generated:3g"),
    };
    let mut state = STATES / 2;
    let mut part = 0.5;
    let mut rows = Vec::with_capacity(STEPS);
    for step in 0..WARM_UP + STEPS {
        let before = state;
        state = kind.next(before, dice.next() % PARTS);
        let chance = dice.unit();
        part = match state.cmp(&before) {
            Ordering::Equal => (part + WANDER * (chance - 0.5)).clamp(0.0, 1.0),
            Ordering::Greater => ENTRY * chance,
            Ordering::Less => 1.0 - ENTRY * chance,
        };
        if WARM_UP <= step {
            rows.push(kind.row(state, part));
        }
    }
    Ok(rows)
}

impl Kind {
    fn next(&self, state: usize, mut chance: u64) -> usize {
        for (next, parts) in self.steps[state].iter().enumerate() {
            if chance < *parts {
                return next;
            }
            chance -= parts;
        }
        state
    }

    fn row(&self, state: usize, part: f64) -> Row {
        let (low, high) = (self.bounds[state], self.bounds[state + 1]);
        let kilobits_per_second = if state == 0 { 0.0 } else { low * (high / low).powf(part) };
        Row { duration_us: 1_000_000, kilobits_per_second, round_trip_us: self.round_trip_us }
    }
}
