//! How urgent a request is. Among requests of one endpoint that wait, the smaller number goes first.

/// Of requests that do not say.
pub const DEFAULT: u8 = 3;
/// The least urgent; the most urgent is 1.
pub const MAX: u8 = 5;
