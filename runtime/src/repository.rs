//! The models folder, `DIR/<name>/<version>/model.onnx`, and the models loaded from it.
//!
//! Names follow `[A-Za-z0-9][A-Za-z0-9._-]*` and versions are whole numbers without leading zeros; any other entry is
//! passed over, as mounts leave some of their own there (`lost+found`, `..data`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use engine::{LoadError, Model};
use tracing::info;

use crate::termination;

const FILE: &str = "model.onnx";

/// The files to load: name, then version, then path.
pub struct Layout(BTreeMap<String, BTreeMap<u64, PathBuf>>);

/// The models that answer: name, then version. No name is without a version.
pub struct Repository(BTreeMap<String, BTreeMap<u64, Arc<Model>>>);

/// Why there is no layout.
pub enum LayoutError {
    /// The folder itself cannot be read.
    Folder(io::Error),
    /// What it holds cannot be served.
    Models(ModelsError),
}

/// Models that cannot be served. The message goes to the log and to the pod's status.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// Nothing to serve.
    #[error("no model under {0}: expected {0}/<name>/<version>/{FILE}")]
    None(String),
    /// A model folder without versions.
    #[error("model {name:?} has no version: expected {}/<version>/{FILE}, the version a whole number", .folder.display())]
    NoVersion {
        /// The model.
        name: String,
        /// Its folder.
        folder: PathBuf,
    },
    /// A folder of a model cannot be read.
    #[error("folder {} cannot be read", .folder.display())]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// One or more files did not load; every one is named.
    #[error("{0}")]
    Files(String),
}

impl Layout {
    /// Every model there will be.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

impl Repository {
    /// All versions of a model, lowest first; `None` when there is no such model.
    pub fn versions(&self, name: &str) -> Option<&BTreeMap<u64, Arc<Model>>> {
        self.0.get(name)
    }
}

/// Finds the files without opening one.
pub fn scan(folder: &Path) -> Result<Layout, LayoutError> {
    let mut models = BTreeMap::new();
    for name in folders(folder).map_err(LayoutError::Folder)? {
        if is_model_name(&name) {
            let path = folder.join(&name);
            models.insert(name.clone(), versions(&name, &path).map_err(LayoutError::Models)?);
        }
    }
    if models.is_empty() {
        return Err(LayoutError::Models(ModelsError::None(folder.display().to_string())));
    }
    Ok(Layout(models))
}

fn versions(name: &str, folder: &Path) -> Result<BTreeMap<u64, PathBuf>, ModelsError> {
    let names =
        folders(folder).map_err(|source| ModelsError::Unreadable { folder: folder.to_path_buf(), source })?;
    let versions: BTreeMap<u64, PathBuf> = names
        .iter()
        .filter_map(|version| Some((parse_version(version)?, folder.join(version).join(FILE))))
        .collect();
    if versions.is_empty() {
        return Err(ModelsError::NoVersion { name: name.to_owned(), folder: folder.to_path_buf() });
    }
    Ok(versions)
}

fn folders(parent: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        // Follows links: projected volumes are made of them.
        let is_folder = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
        if let Ok(name) = entry.file_name().into_string()
            && is_folder
        {
            names.push(name);
        }
    }
    Ok(names)
}

fn is_model_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|next| next.is_ascii_alphanumeric() || "._-".contains(next))
}

/// A version as folders and URLs write it.
pub fn parse_version(text: &str) -> Option<u64> {
    text.parse().ok().filter(|version: &u64| version.to_string() == text)
}

/// Loads every file; on failure names every file that failed.
pub fn load(layout: &Layout) -> Result<Repository, ModelsError> {
    let mut models: BTreeMap<String, BTreeMap<u64, Arc<Model>>> = BTreeMap::new();
    let mut failures = Vec::new();
    for (name, version, path) in files(layout) {
        match Model::load(path) {
            Ok(model) => {
                info!(model = name, version, inputs = ?model.inputs(), outputs = ?model.outputs(), "loaded");
                models.entry(name.to_owned()).or_default().insert(version, Arc::new(model));
            }
            Err(error) => failures.push(failure(name, version, &error)),
        }
    }
    if failures.is_empty() { Ok(Repository(models)) } else { Err(ModelsError::Files(failures.join("; "))) }
}

fn files(layout: &Layout) -> impl Iterator<Item = (&str, u64, &Path)> {
    layout.0.iter().flat_map(|(name, versions)| {
        versions.iter().map(|(version, path)| (name.as_str(), *version, path.as_path()))
    })
}

fn failure(name: &str, version: u64, error: &LoadError) -> String {
    format!("model {name:?} version {version}: {}", termination::text(error))
}
