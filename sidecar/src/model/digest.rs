//! SHA-256 of a file, read in small pieces: a model can be larger than the container's memory.

use std::{fs::File, io::Read, path::Path};

use sha2::{Digest as _, Sha256};
use wire::Digest;

use super::Failure;

/// Whether the file is there and is the one that was meant.
pub fn check(file: &Path, expected: &Digest) -> Result<(), Failure> {
    let got = of_file(file).map_err(|error| Failure::Missing(format!("{}: {error}", file.display())))?;
    if got != *expected {
        return Err(Failure::Digest { expected: expected.clone(), got });
    }
    tracing::info!(file = %file.display(), digest = %got, "verified");
    Ok(())
}

fn of_file(file: &Path) -> std::io::Result<Digest> {
    const PIECE_BYTES: usize = 64 << 10;
    let mut file = File::open(file)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Digest::from_sha256(&hasher.finalize().into())),
            taken => hasher.update(&piece[..taken]),
        }
    }
}
