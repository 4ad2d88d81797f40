//! What every request sees: the models once they are loaded, and the limits.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use engine::Model;
use tokio::sync::Semaphore;

use crate::failure::Failure;
use crate::repository::{Layout, Repository, parse_version};

/// Shared by all connections.
pub struct App {
    announced: BTreeSet<String>,
    repository: OnceLock<Repository>,
    /// One permit for each inference at work.
    pub threads: Arc<Semaphore>,
    /// Largest request body.
    pub body_bytes_max: usize,
}

/// A model as a request finds it.
pub struct Found {
    /// Its name.
    pub name: String,
    /// The version asked for, or the highest.
    pub version: u64,
    /// Every version there is, lowest first.
    pub versions: Vec<u64>,
    /// The model itself.
    pub model: Arc<Model>,
}

impl App {
    /// An app whose models are still to come.
    pub fn new(layout: &Layout, threads: usize, body_bytes_max: usize) -> Self {
        Self {
            announced: layout.names().into_iter().map(str::to_owned).collect(),
            repository: OnceLock::new(),
            threads: Arc::new(Semaphore::new(threads)),
            body_bytes_max,
        }
    }

    /// From here on the server is ready. A second call changes nothing.
    pub fn models_loaded(&self, repository: Repository) {
        self.repository.get_or_init(|| repository);
    }

    /// Fails until every model is loaded.
    pub fn ready(&self) -> Result<(), Failure> {
        let waiting = || self.announced.iter().cloned().collect::<Vec<_>>().join(", ");
        self.repository.get().map(|_| ()).ok_or_else(|| Failure::Loading(waiting()))
    }

    /// The model of a path; without a version, the highest.
    pub fn find(&self, name: &str, version: Option<&str>) -> Result<Found, Failure> {
        if !self.announced.contains(name) {
            return Err(Failure::NoModel(name.to_owned()));
        }
        let repository = self.repository.get().ok_or_else(|| Failure::Loading(name.to_owned()))?;
        let versions = repository.versions(name).ok_or_else(|| Failure::NoModel(name.to_owned()))?;
        let entry = match version {
            None => versions.last_key_value(),
            Some(text) => parse_version(text).and_then(|version| versions.get_key_value(&version)),
        };
        let versions: Vec<u64> = versions.keys().copied().collect();
        match entry {
            Some((version, model)) => {
                Ok(Found { name: name.to_owned(), version: *version, versions, model: model.clone() })
            }
            None => {
                let version = version.unwrap_or_default().to_owned();
                Err(Failure::NoVersion { model: name.to_owned(), version, versions })
            }
        }
    }
}
