//! Files that may be replaced at any time, as one value. In: their paths and how to read them. Out: the last value that
//! could be read. They are looked at when somebody asks, no more often than every two seconds.

use std::{
    fmt::Display,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;

const LOOK_EVERY: Duration = Duration::from_secs(2);

type Read<T> = Box<dyn Fn() -> Result<T, String> + Send + Sync>;

/// A value that lives in files.
pub struct Watched<T> {
    paths: Vec<PathBuf>,
    read: Read<T>,
    state: Mutex<State<T>>,
}

struct State<T> {
    looked: Option<Instant>,
    stamps: Vec<Option<Stamp>>,
    value: Option<T>,
    fault: Option<String>,
}

/// A volume of a `ConfigMap` or a `Secret` swaps a symbolic link, so that the file behind the path becomes another one.
type Stamp = (u64, u64, i64, i64);

impl<T: Clone> Watched<T> {
    /// One that may have no value yet. An error of `read` names its file.
    pub fn new(paths: Vec<PathBuf>, read: impl Fn() -> Result<T, String> + Send + Sync + 'static) -> Self {
        let state = State { looked: None, stamps: Vec::new(), value: None, fault: None };
        Self { paths, read: Box::new(read), state: Mutex::new(state) }
    }

    /// One that has a value from the start.
    ///
    /// # Errors
    /// When the first reading fails.
    pub fn load(
        paths: Vec<PathBuf>,
        read: impl Fn() -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let watched = Self::new(paths, read);
        let first = State {
            looked: Some(Instant::now()),
            // Before the content: what changes in between is seen the next time.
            stamps: watched.stamps(),
            value: Some((watched.read)()?),
            fault: None,
        };
        *watched.lock() = first;
        Ok(watched)
    }

    /// The last value that could be read.
    pub fn get(&self) -> Option<T> {
        let mut state = self.lock();
        if state.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            state.looked = Some(Instant::now());
            self.look(&mut state);
        }
        state.value.clone()
    }

    fn look(&self, state: &mut State<T>) {
        let stamps = self.stamps();
        if state.value.is_some() && stamps == state.stamps {
            return;
        }
        match (self.read)() {
            Ok(value) => (state.value, state.stamps, state.fault) = (Some(value), stamps, None),
            Err(fault) if state.fault.as_ref() == Some(&fault) => {}
            Err(fault) => {
                tracing::error!(error = fault, "file kept as it was");
                state.fault = Some(fault);
            }
        }
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        self.paths.iter().map(|path| stamp(path)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: DeserializeOwned + Clone> Watched<T> {
    /// A JSON file.
    #[must_use]
    pub fn json(path: PathBuf) -> Self {
        let file = path.clone();
        Self::new(vec![path], move || {
            let text = std::fs::read(&file).map_err(|error| about(&file, &error))?;
            serde_json::from_slice(&text).map_err(|error| about(&file, &error))
        })
    }
}

/// An error of a file, with its name.
pub fn about(file: &Path, error: &impl Display) -> String {
    format!("{}: {error}", file.display())
}

fn stamp(path: &Path) -> Option<Stamp> {
    let of = std::fs::metadata(path).ok()?;
    Some((of.ino(), of.size(), of.mtime(), of.mtime_nsec()))
}
