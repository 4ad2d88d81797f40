//! The libraries as `make libraries` makes them, from the archive that Cargo made for this test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libraries");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../libraries.sh");
    succeed(Command::new(script).arg(archive()).arg(&folder));
    folder
});

/// The folder with `include`, `lib`, `python` and the wheel.
pub fn libraries() -> &'static Path {
    &BUILT
}

/// Cargo tells a test no path of its package's library. Others of that name are of earlier builds.
fn archive() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let files = fs::read_dir(test.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("liblongshore-") && name.ends_with(".a")
    };
    let modified = |path: &PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    files.filter(named).max_by_key(modified).expect("the archive stands beside the test")
}

/// A program that is ended where it hangs.
pub fn bounded(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg("--kill-after=10").arg("300").arg(program);
    command
}

/// Runs a command to its end, and gives what it printed.
#[track_caller]
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("the program is there");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}
