//! Rules of the house that the compiler does not hold: who may depend on whom, what is watched, how long a file may be.

#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const FILE_LINES_MAX: usize = 400;

/// Names of everything that a member links, but for tests.
fn dependencies(member: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--package",
            member,
        ])
        .current_dir(ROOT)
        .output()
        .expect("cargo runs");
    let text = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[track_caller]
fn links_none_of(member: &str, banned: &[&str]) {
    let found: Vec<String> = dependencies(member)
        .into_iter()
        .filter(|name| banned.iter().any(|ban| name == ban || name.starts_with(&format!("{ban}-"))))
        .collect();
    assert!(found.is_empty(), "{member} links {found:?}");
}

#[test]
fn the_data_path_links_no_kubernetes_code() {
    for member in [
        "longshore-sidecar",
        "admission",
        "routing",
        "wire",
        "trust",
        "longshore-device",
        "longshore-c",
        "longshore-runtime",
        "engine",
    ] {
        links_none_of(member, &["kube", "k8s-openapi"]);
    }
}

#[test]
fn what_decides_cannot_wait() {
    for member in ["admission", "routing"] {
        links_none_of(member, &["tokio", "hyper", "mio", "rand"]);
    }
    links_none_of("plan", &["tokio", "hyper", "kube-client", "kube-runtime", "mio", "async-std", "rand"]);
}

#[test]
fn there_is_one_crypto_provider() {
    let lock = fs::read_to_string(format!("{ROOT}/Cargo.lock")).unwrap();
    for banned in ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "native-tls"] {
        assert!(!lock.contains(&format!("name = \"{banned}\"")), "{banned} is in Cargo.lock");
    }
    assert_eq!(lock.matches("name = \"ring\"").count(), 1);
}

#[test]
fn what_is_planned_is_what_is_watched() {
    let planned: BTreeSet<String> =
        between("operator/plan/src/resources/mod.rs", "pub struct Resources {", "\n}")
            .lines()
            .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "))
            .map(|(_, kind)| kind.trim_start_matches("Option<").trim_end_matches([',', '>']).to_owned())
            .filter(|kind| !kind.starts_with("Vec<"))
            .collect();
    let watched: BTreeSet<String> = between("operator/src/stores.rs", "\nchildren! {", "\n}")
        .lines()
        .filter_map(|line| line.trim().split_once(" in "))
        .map(|(kind, _)| kind.to_owned())
        .collect();
    assert!(planned.len() > 1, "the struct is read right");
    assert_eq!(planned, watched);
}

fn between(path: &str, start: &str, end: &str) -> String {
    let text = fs::read_to_string(format!("{ROOT}/{path}")).unwrap();
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("{path} has no {start:?}"));
    rest.split_once(end).unwrap_or_else(|| panic!("{path} has no end of {start:?}")).0.to_owned()
}

#[test]
fn no_file_is_longer_than_a_reader_bears() {
    let long: Vec<String> = sources()
        .into_iter()
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        // A truth table in a test may be as long as the truth.
        .filter(|(lines, path)| *lines > FILE_LINES_MAX && path.to_string_lossy().contains("/src/"))
        .map(|(lines, path)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn the_wiring_stays_short() {
    let lines = fs::read_to_string(format!("{ROOT}/operator/src/run.rs")).unwrap().lines().count();
    assert!(lines <= 150, "operator/src/run.rs: {lines} lines");
}

/// From an outcome to a number in one match arm: that knowledge belongs to one file.
#[test]
fn only_wire_knows_the_status_code_of_an_outcome() {
    let codes =
        ["429", "499", "502", "503", "504", "413", "TOO_MANY_REQUESTS", "GATEWAY_TIMEOUT", "BAD_GATEWAY"];
    let knowing: Vec<String> = sources()
        .into_iter()
        .filter(|path| !path.ends_with("sidecar/wire/src/outcome.rs"))
        .filter(|path| path.to_string_lossy().contains("/src/"))
        .flat_map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let maps = |line: &&str| {
                line.split_once("=>").is_some_and(|(outcome, code)| {
                    outcome.contains("Outcome::") && codes.iter().any(|it| code.contains(it))
                })
            };
            let arms = text.lines().filter(maps);
            arms.map(|line| format!("{}: {line}", path.display())).collect::<Vec<_>>()
        })
        .collect();
    assert!(knowing.is_empty(), "{knowing:#?}");
}

/// Every Rust file of the workspace.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for member in ["crds", "operator", "sidecar", "device", "runtime", "e2e"] {
        collect(&Path::new(ROOT).join(member), &mut found);
    }
    assert!(found.len() > 20, "the tree is walked");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
