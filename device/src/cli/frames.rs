//! The pictures of a folder, in the order of their names, over and over.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// The pictures in a folder.
pub(crate) fn list(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("failed to read folder {}", folder.display()))?;
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_picture(path)).collect();
    files.sort();
    ensure!(!files.is_empty(), "folder {} holds no .jpg, .jpeg or .png file", folder.display());
    Ok(files)
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    matches!(ending.as_str(), "jpg" | "jpeg" | "png") && path.is_file()
}
