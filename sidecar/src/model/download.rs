//! Download with resumption. In: a URL, a place and a digest. Out: the verified file under its name, renamed in one step,
//! or the reason. What was read stays beside it for the next try, also across restarts of the container.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Failure, digest,
    get::{Getter, Try},
};
use crate::args::Fetch;

const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Downloads and checks.
pub fn fetch(args: &Fetch) -> Result<(), Failure> {
    if args.to.exists() && check(&args.to, args).is_ok() {
        return Ok(());
    }
    let failed = |reason: String| Failure::Download(reason);
    let getter = Getter::new(args).map_err(failed)?;
    let partial = partial(&args.to);
    if let Some(folder) = args.to.parent() {
        fs::create_dir_all(folder).map_err(|error| failed(format!("{}: {error}", folder.display())))?;
    }
    let mut pause = Duration::from_millis(args.retry_pause_ms);
    for left in (0..args.tries.max(1)).rev() {
        let reason = match getter.get(&partial) {
            Ok(()) => return keep(&partial, args),
            Err(Try::Final(reason)) => return Err(failed(reason)),
            Err(Try::Again(reason)) => reason,
        };
        if left == 0 {
            return Err(failed(reason));
        }
        tracing::warn!(reason, ?pause, tries_left = left, "download interrupted");
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
    }
    unreachable!("the last try returns")
}

fn check(file: &Path, args: &Fetch) -> Result<(), Failure> {
    args.digest.as_ref().map_or(Ok(()), |digest| digest::check(file, digest))
}

/// Only a verified file gets the name. A wrong one goes: resuming it would never make it right.
fn keep(partial: &Path, args: &Fetch) -> Result<(), Failure> {
    if let Err(failure) = check(partial, args) {
        let _ = fs::remove_file(partial);
        return Err(failure);
    }
    fs::rename(partial, &args.to)
        .map_err(|error| Failure::Download(format!("{}: {error}", args.to.display())))
}

fn partial(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}
