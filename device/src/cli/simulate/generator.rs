//! Links made up by a seed, of a kind that was fitted to recorded ones.

use anyhow::{Result, bail};

use super::dice::Dice;
use super::trace::Row;

/// Rows of a link of this kind.
pub(super) fn stretches(kind: &str, _dice: Dice) -> Result<Vec<Row>> {
    bail!("generated:{kind} is not known; there are generated:4g and generated:3g")
}
