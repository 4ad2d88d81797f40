//! Routes: which endpoint a device should use, from what the sidecars of a model know of each other. Pure: time and chance
//! are arguments, and nothing here waits, so that the simulator runs what ships.
//!
//! In reading order: [`table`] what is known of every endpoint and how it grows old, [`rank`] the order in which a device
//! should try them, [`credits`] how much a device may send and ask, [`links`] which peers to listen to.

pub mod credits;
pub mod links;
pub mod rank;
pub mod table;

/// The next of a row of random numbers (Sebastiano Vigna's splitmix64, public domain algorithm).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
