//! Runs tests, those beside each other that do not disturb each other; tells how long each took, and keeps logs and
//! events of a failed one.

use std::{
    env, fs,
    panic::{self, AssertUnwindSafe},
    process::{Command, ExitCode},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
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
    /// What of the cluster it needs for itself.
    pub claim: Claim,
    /// What it does.
    pub run: fn(&str) -> Result<()>,
}

/// What a test needs for itself.
#[derive(Clone, Copy)]
pub enum Claim {
    /// So many accelerators, and otherwise its namespace alone.
    Accelerators(u32),
    /// Everything: it harms the operator or a node.
    Cluster,
}

/// What is free.
struct Free {
    /// Tests that may run beside each other. More would only wait for the processor.
    places: u32,
    accelerators: u32,
}

const ALL: Free = Free { places: 4, accelerators: 4 };

impl Claim {
    const fn cost(self) -> Free {
        match self {
            Self::Accelerators(accelerators) => Free { places: 1, accelerators },
            Self::Cluster => ALL,
        }
    }
}

impl Free {
    /// Takes what a test needs, if it is there.
    fn take(&mut self, claim: Claim) -> bool {
        let cost = claim.cost();
        let fits = cost.places <= self.places && cost.accelerators <= self.accelerators;
        if fits {
            self.places -= cost.places;
            self.accelerators -= cost.accelerators;
        }
        fits
    }

    fn give_back(&mut self, claim: Claim) {
        let cost = claim.cost();
        self.places += cost.places;
        self.accelerators += cost.accelerators;
    }
}

/// Runs the tests whose names contain the first argument that is no flag, or all of them; each begins when what it needs
/// is free, in their order.
pub fn all(tests: &[Test]) -> ExitCode {
    let filter = env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let chosen: Vec<&Test> = tests.iter().filter(|test| test.name.contains(&filter)).collect();
    println!("\nrunning {} tests", chosen.len());
    let mut failed = Vec::new();
    let mut free = ALL;
    let (sender, ended) = mpsc::channel();
    thread::scope(|scope| {
        let mut settle = |free: &mut Free, end: End| {
            free.give_back(end.test.claim);
            if !end.report() {
                failed.push(end.test.name);
            }
        };
        for test in &chosen {
            while !free.take(test.claim) {
                settle(&mut free, ended.recv().expect("a test that has what is missing is running"));
            }
            let sender = sender.clone();
            scope.spawn(move || {
                let start = Instant::now();
                let result = one(test);
                sender.send(End { test, result, took: start.elapsed() })
            });
        }
        drop(sender);
        ended.iter().for_each(|end| settle(&mut free, end));
    });
    let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
    let passed = chosen.len() - failed.len();
    println!("\ntest result: {verdict}. {passed} passed; {} failed; {failed:?}", failed.len());
    ExitCode::from(u8::from(!failed.is_empty() || chosen.is_empty()))
}

/// How a test ended.
struct End<'a> {
    test: &'a Test,
    result: Result<(), String>,
    took: Duration,
}

impl End<'_> {
    /// Prints it; true when it passed.
    fn report(&self) -> bool {
        let (name, took) = (self.test.name, self.took.as_secs_f32());
        match &self.result {
            Ok(()) => println!("test {name} ... ok ({took:.1} s)"),
            Err(why) => println!("test {name} ... FAILED ({took:.1} s)\n    {why}"),
        }
        self.result.is_ok()
    }
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
