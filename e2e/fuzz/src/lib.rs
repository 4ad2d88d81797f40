//! A small fuzzer for tests, on stable Rust and without a build of its own.
//!
//! Enters: examples, the words of a grammar, and a judge. Leaves: nothing, or a panic and the input that provoked it. It
//! makes inputs of the examples; one that is judged in a way not seen before becomes an example itself. That takes the
//! place of coverage: parsers here give a reason for each refusal, so a new reason is a new path.
//!
//! `FUZZ_SECONDS` is how long each target runs; without it a fixed number of inputs, the same each time. `FUZZ_SEED`
//! chooses other inputs.

use std::{
    collections::HashSet,
    fmt::Debug,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::{Duration, Instant},
};

const INPUTS_BY_DEFAULT: u64 = 20_000;
const BYTES_MAX: usize = 4096;
const EXAMPLES_MAX: usize = 4096;

/// Runs a judge on examples and on what becomes of them. What it returns says how an input was judged, and is small.
///
/// # Panics
/// When the judge does, after printing the input.
pub fn run<T: Debug>(examples: &[&[u8]], words: &[&str], judge: impl Fn(&[u8]) -> T) {
    let seconds: Option<u64> = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let seed = std::env::var("FUZZ_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut chance = Chance(seed);
    let mut seen = HashSet::new();
    let mut pool: Vec<Vec<u8>> = Vec::new();
    let mut tried = 0_u64;
    for example in examples {
        seen.insert(judged(example, &judge));
        pool.push(example.to_vec());
    }
    let goes_on = |tried: u64| match until {
        Some(until) => !tried.is_multiple_of(64) || Instant::now() < until,
        None => tried < INPUTS_BY_DEFAULT,
    };
    while goes_on(tried) {
        tried += 1;
        let mut input = pool.get(chance.below(pool.len())).cloned().unwrap_or_default();
        for _ in 0..=chance.below(4) {
            change(&mut input, &pool, words, &mut chance);
        }
        input.truncate(BYTES_MAX);
        if pool.len() < EXAMPLES_MAX && seen.insert(judged(&input, &judge)) {
            pool.push(input);
        }
    }
    println!("{tried} inputs, {} ways of judging, {} examples", seen.len(), pool.len());
}

fn judged<T: Debug>(input: &[u8], judge: &impl Fn(&[u8]) -> T) -> String {
    match catch_unwind(AssertUnwindSafe(|| judge(input))) {
        Ok(verdict) => format!("{verdict:?}"),
        Err(panic) => {
            println!("input: b\"{}\"", input.escape_ascii());
            resume_unwind(panic)
        }
    }
}

/// One change: a bit, a byte, a number at its edge, a part gone, twice, elsewhere or of another example, or a word.
fn change(input: &mut Vec<u8>, pool: &[Vec<u8>], words: &[&str], chance: &mut Chance) {
    let at = chance.below(input.len() + 1);
    let part = chance.part(input.len());
    match chance.below(9) {
        0 if at < input.len() => input[at] ^= 1 << chance.below(8),
        1 if at < input.len() => input[at] = chance.byte(),
        2 => input.insert(at, chance.byte()),
        3 => drop(input.drain(part)),
        4 => {
            let again = input[part].to_vec();
            input.splice(at..at, again);
        }
        5 => {
            const EDGES: [&str; 8] =
                ["0", "1", "-1", "255", "65536", "4294967296", "9223372036854775808", "18446744073709551616"];
            input.splice(part, EDGES[chance.below(EDGES.len())].bytes());
        }
        6 => {
            let Some(other) = pool.get(chance.below(pool.len())) else { return };
            let other = other[chance.part(other.len())].to_vec();
            input.splice(part, other);
        }
        _ => {
            let word = words.get(chance.below(words.len())).copied().unwrap_or_default();
            let end = if chance.below(2) == 0 { at } else { part.end.max(at) };
            input.splice(at..end, word.bytes());
        }
    }
}

/// The same numbers for the same seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, and 0 where that is 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn part(&mut self, length: usize) -> Range<usize> {
        let (one, other) = (self.below(length + 1), self.below(length + 1));
        one.min(other)..one.max(other)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, panic::catch_unwind};

    /// It finds its way through a judge that says how far it came, and what it finds is repeatable.
    #[test]
    fn what_is_hidden_is_found() {
        let found = || {
            let count = RefCell::new(0);
            let hunt = std::panic::AssertUnwindSafe(|| {
                super::run(&[b"GET / HTTP/1.1"], &["Host"], |input| {
                    *count.borrow_mut() += 1;
                    let steps = [
                        input.starts_with(b"G"),
                        input.contains(&0),
                        input.contains(&b'x'),
                        input.ends_with(b"Host"),
                    ];
                    let depth = steps.iter().take_while(|holds| **holds).count();
                    assert!(depth < 4);
                    depth
                });
            });
            assert!(catch_unwind(hunt).is_err());
            count.into_inner()
        };
        assert_eq!(found(), found());
    }
}
