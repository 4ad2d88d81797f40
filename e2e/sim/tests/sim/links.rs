use longshore_sim::{
    links::{self, OURS, OfTrace, POLICIES, Summary, Table, promises},
    report::checks::Level,
};

fn summary() -> Summary {
    let trace = || OfTrace { trace: "a.csv".to_owned(), miss_percent: 0.0 };
    Summary {
        requests: 1_000,
        miss_percent: 0.0,
        mean: 100.0,
        p99: 150.0,
        joules: 50.0,
        offloaded: 500,
        regret: 0.01,
        sends: 900,
        both: 40,
        traces: vec![trace(), trace()],
    }
}

/// The words of promises that do not hold where ours comes to this and racing to twice the energy.
fn broken(change: impl Fn(&mut Summary)) -> Vec<String> {
    let row = |policy| {
        let mut row = summary();
        match policy {
            OURS => change(&mut row),
            "race-both" => row.joules = 100.0,
            _ => {}
        }
        row
    };
    let table = |case| Table { case, rows: POLICIES.map(row).to_vec() };
    let checks = promises::all(&links::cases().into_iter().map(table).collect::<Vec<_>>());
    checks.into_iter().filter(|it| it.level == Level::Must && !it.holds).map(|it| it.what).collect()
}

#[track_caller]
fn check(change: impl Fn(&mut Summary), what: &str) {
    let broken = broken(change);
    assert!(broken.len() == 1 && broken[0].starts_with(what), "{broken:?}");
}

#[test]
fn each_promise_can_be_broken() {
    assert_eq!(broken(|_| {}), Vec::<String>::new());
    check(|ours| ours.miss_percent = 0.2, "links: misses beyond always-local's, pooled");
    check(|ours| ours.traces[1].miss_percent = 1.5, "links: misses beyond always-local's, on any link");
    check(|ours| ours.joules = 80.0, "links, slack: energy");
    check(|ours| ours.both = 51, "links, slack: begun at both places");
    check(|ours| ours.sends = 1_101, "links: sent per request");
}

#[test]
fn every_link_is_in_one_part() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../traces");
    let cases = links::cases();
    let mut all: Vec<_> =
        cases.iter().filter(|case| (case.percent, case.deadline_ms) == (100, 150)).collect();
    all.dedup();
    let mut names: Vec<_> =
        all.iter().flat_map(|case| case.traces(folder.as_ref()).expect("recordings are there")).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!((names.len(), count), (42, 42));
}
