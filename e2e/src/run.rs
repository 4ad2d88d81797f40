//! Runs tests in their order, tells how long each took, and keeps logs and events of a failed one.

use std::{
    env, fs,
    panic::{self, AssertUnwindSafe},
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::Result;

use crate::{
    cluster::{POD, kubectl, list},
    manifest, repository, wait,
};

/// A test: its name is also its namespace.
pub struct Test {
    /// Name; a namespace of this name exists while it runs.
    pub name: &'static str,
    /// What it does.
    pub run: fn(&str) -> Result<()>,
}

/// Runs the tests whose names contain the first argument that is no flag, or all of them.
pub fn all(tests: &[Test]) -> ExitCode {
    let filter = env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let chosen: Vec<&Test> = tests.iter().filter(|test| test.name.contains(&filter)).collect();
    println!("\nrunning {} tests", chosen.len());
    let mut failed = Vec::new();
    for test in &chosen {
        let start = Instant::now();
        let result = one(test);
        let took = start.elapsed().as_secs_f32();
        match result {
            Ok(()) => println!("test {} ... ok ({took:.1} s)", test.name),
            Err(why) => {
                println!("test {} ... FAILED ({took:.1} s)\n    {why}", test.name);
                failed.push(test.name);
            }
        }
    }
    let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
    let passed = chosen.len() - failed.len();
    println!("\ntest result: {verdict}. {passed} passed; {} failed; {failed:?}", failed.len());
    ExitCode::from(u8::from(!failed.is_empty() || chosen.is_empty()))
}

fn one(test: &Test) -> Result<(), String> {
    let enter = || {
        crate::cluster::apply(&manifest::namespace(test.name).to_string())?;
        (test.run)(test.name)
    };
    let result = panic::catch_unwind(AssertUnwindSafe(enter));
    let result = match result {
        Ok(outcome) => outcome.map_err(|error| format!("{error:#}")),
        Err(_) => Err("panicked".into()),
    };
    if result.is_err() {
        keep(test.name);
    }
    let cleared = clear(test.name).map_err(|error| format!("clearing up: {error:#}"));
    result.and(cleared)
}

/// Takes a namespace away, and waits until its pods have left: accelerators must be free for the next test.
fn clear(namespace: &str) -> Result<()> {
    kubectl(&["delete", "namespace", namespace, "--wait=false", "--ignore-not-found"])?;
    wait::until_true("the pods have left", POD, || Ok(list(namespace, &["pods"])?.is_empty()))
}

/// Writes what a person would look at first into `e2e/out/NAME/`.
fn keep(name: &str) {
    let folder = repository().join("e2e/out").join(name);
    fs::create_dir_all(&folder).ok();
    let script = "
        kubectl -n \"$1\" get all,iof,cm,pdb,netpol,events -o wide > objects.txt
        kubectl -n \"$1\" get iof,pods,svc,cm -o yaml > objects.yaml
        kubectl -n \"$1\" get events --sort-by=.lastTimestamp > events.txt
        kubectl -n \"$1\" describe pods > pods.txt
        kubectl get nodes -o wide > nodes.txt
        kubectl -n longshore-system logs deployment/longshore --tail=2000 > operator.log
        for pod in $(kubectl -n \"$1\" get pods -o name); do
          kubectl -n \"$1\" logs \"$pod\" --all-containers --prefix --tail=500 > \"$(basename \"$pod\").log\"
        done";
    let kept = Command::new("bash").args(["-c", script, "keep", name]).current_dir(&folder).output();
    if let Err(error) = kept {
        eprintln!("could not keep the logs of {name}: {error}");
    }
    println!("    logs and events: {}", folder.display());
}
