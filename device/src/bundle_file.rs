//! The policy bundle on disk, so that a device that starts without a network has one.
//!
//! The file holds the bundle as an endpoint serves it; its age is the time since it was last written.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use wire::PolicyBundle;

/// Why a bundle on disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleFileError {
    /// The file cannot be read.
    #[error("failed to read policy file: {0}")]
    Read(#[from] io::Error),
    /// The file holds no bundle.
    #[error("the policy file holds no policy bundle (delete it to have it fetched again): {0}")]
    Parse(#[from] serde_json::Error),
}

/// The bundle and its age; `None` when there is no file.
pub(crate) fn load(path: &Path) -> Result<Option<(PolicyBundle, Duration)>, BundleFileError> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let bundle = serde_json::from_slice(&text)?;
    // A clock behind the file's time tells nothing about its age: boards without a battery start in 1970.
    let age = fs::metadata(path)?.modified()?.elapsed().unwrap_or_default();
    Ok(Some((bundle, age)))
}

/// Writes the bundle whole or not at all.
pub(crate) fn save(path: &Path, bundle: &PolicyBundle) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    fs::write(&draft, serde_json::to_vec_pretty(bundle)?)?;
    fs::rename(&draft, path)
}
