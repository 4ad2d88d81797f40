//! The wheel, installed into an environment of its own, and scripts that use it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::built::{bounded, libraries, succeed};
use crate::c::{Linked, compile};
use crate::edge::{Edge, folder, policies_that_hold};
use crate::page;

/// The environment's Python. What the wheel needs comes from the one that the libraries were made with.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let (made_with, fresh) = (libraries().join("python"), libraries().join("camera"));
    succeed(Command::new(made_with.join("bin/python")).args(["-m", "venv", "--without-pip"]).arg(&fresh));
    let python = fresh.join("bin/python");
    let site_packages = |python: &Path| {
        let script = "import sysconfig; print(sysconfig.get_path('purelib'), end='')";
        PathBuf::from(succeed(Command::new(python).args(["-c", script])))
    };
    let needs = site_packages(&made_with.join("bin/python"));
    fs::write(site_packages(&python).join("needs.pth"), needs.to_str().unwrap()).unwrap();
    let mut pip = Command::new(made_with.join("bin/pip"));
    pip.arg("--python").arg(&python).args([
        "install",
        "--quiet",
        "--no-index",
        "--disable-pip-version-check",
    ]);
    succeed(pip.arg(wheel()));
    python
});

fn wheel() -> PathBuf {
    let files = fs::read_dir(libraries()).unwrap().map(|entry| entry.unwrap().path());
    let mut wheels = files.filter(|file| file.extension().is_some_and(|extension| extension == "whl"));
    wheels.next().expect("libraries.sh makes a wheel")
}

fn run(folder: &Path, script: &str, arguments: &[&str]) -> String {
    fs::write(folder.join("script.py"), script).unwrap();
    succeed(bounded(&PYTHON).arg("script.py").args(arguments).current_dir(folder))
}

#[test]
fn the_page_in_python_finds_a_person() {
    let folder = folder("python_page");
    let script = page::block("python.md", "python", "read_bytes");
    let edge = Edge::start(&folder);
    let there = run(&folder, &script, &[&edge.url, "frame.jpg", "20000"]);
    assert!(there.starts_with("person 92%, oak, ") && there.contains("(battery_low)"), "{there}");
    drop(edge);
    let here = run(&folder, &script, &["http://127.0.0.1:9", "frame.jpg", "20000"]);
    assert!(here.starts_with("person 92%, here, ") && here.contains("(policy_unknown)"), "{here}");
}

#[test]
fn the_page_in_python_takes_and_gives_arrays() {
    let folder = folder("python_arrays");
    let edge = Edge::start(&folder);
    let printed = run(&folder, &page::block("python.md", "python", "numpy"), &[&edge.url, "20000"]);
    let words: Vec<&str> = printed.trim().rsplitn(2, ' ').collect();
    assert_eq!(words[1], "background (1, 2) float32", "{printed}");
    assert!(128 * 128 * 3 * 4 <= words[0].parse::<u64>().unwrap(), "{printed}");
}

/// What callers do wrong, and what the page does not show.
#[test]
fn every_call_in_python_says_what_is_wrong() {
    let folder = folder("python_misuse");
    policies_that_hold(&folder);
    let edge = Edge::start(&folder);
    let printed = run(&folder, include_str!("calls.py"), &[&edge.url, env!("CARGO_PKG_VERSION")]);
    assert_eq!(printed, "every call did as it should\n");
}

/// A member that lies elsewhere in memory would have another one's value, and nobody would say so.
#[test]
fn the_structures_of_the_package_are_those_of_the_header() {
    let folder = folder("python_layout");
    let program = run(&folder, include_str!("layout.py"), &[]);
    assert!(program.contains("longshore_account") && program.contains("longshore_summary"), "{program}");
    compile(&folder, &program, Linked::Shared, &[]);
}

#[test]
fn the_types_of_the_package_hold_for_itself_and_for_the_page() {
    let folder = folder("python_types");
    for (number, script) in page::blocks("python.md", "python").iter().enumerate() {
        fs::write(folder.join(format!("page_{number}.py")), script).unwrap();
    }
    let mut mypy = Command::new(libraries().join("python/bin/mypy"));
    mypy.arg("--python-executable").arg(&*PYTHON).args(["--strict", "--cache-dir", "/dev/null"]);
    let printed =
        succeed(mypy.args(["-p", "longshore", "-m", "page_0", "-m", "page_1"]).current_dir(&folder));
    assert!(printed.starts_with("Success"), "{printed}");
}
