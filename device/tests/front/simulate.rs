//! Recorded links through the decision, in virtual time.

use std::path::Path;
use std::process::{Command, Output};

use longshore_device::core::profile::DeviceClass;
use serde_json::Value;

/// Links that no tuning looked at, one of each kind of ride.
const LINKS: [&str; 3] = ["4g-bus_0003.csv", "4g-car_0004.csv", "3g-2010-09-28_1407cest.csv"];

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longshore-device")).arg("simulate").args(arguments).output().unwrap()
}

fn simulate(policy: &str, arguments: &[&str]) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../e2e/traces");
    let links = LINKS.map(|link| format!("--trace={}", folder.join(link).display()));
    let mut all: Vec<&str> = links.iter().map(String::as_str).collect();
    all.extend(["--policy", policy, "--per-trace"]);
    all.extend(arguments);
    let output = run(&all);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or_else(|| panic!("{name} in {value}"))
}

#[test]
fn nobody_is_harmed_and_energy_is_saved_where_there_is_slack() {
    for (bytes, bandwidth) in [("40000", "100"), ("40000", "25"), ("100000", "100"), ("100000", "25")] {
        let setting =
            ["--input-bytes", bytes, "--bandwidth-percent", bandwidth, "--deadline-ms", "300", "--seed", "2"];
        let ours = simulate("longshore", &setting);
        let local = simulate("always-local", &setting);
        let race = simulate("race-both", &setting);
        let requests = number(&ours, "requests");
        assert!(number(&ours, "missPercent") <= number(&local, "missPercent") + 0.1, "{ours}");
        for (ours, local) in
            ours["traces"].as_array().unwrap().iter().zip(local["traces"].as_array().unwrap())
        {
            assert!(number(ours, "missPercent") <= number(local, "missPercent") + 1.0, "{ours}");
        }
        assert!(number(&ours, "joules") <= 0.75 * number(&race, "joules"), "{ours}");
        assert!(number(&ours, "both") <= 0.05 * requests, "{ours}");
        assert!(number(&ours, "sends") <= 1.1 * requests, "{ours}");
        assert!(number(&ours, "mean") < number(&local, "mean"), "{ours}");
    }
}

#[test]
fn without_slack_the_better_place_answers_and_nobody_is_late() {
    let setting = ["--deadline-ms", "150", "--seed", "2"];
    let ours = simulate("longshore", &setting);
    assert_eq!(ours["misses"], 0, "{ours}");
    assert!(number(&ours, "regret") <= 0.03, "{ours}");
}

#[test]
fn a_seed_repeats_itself_and_another_does_not() {
    let one = ["--trace", "generated:4g", "--seed", "5"];
    assert_eq!(run(&one).stdout, run(&one).stdout);
    assert_ne!(run(&one).stdout, run(&["--trace", "generated:4g", "--seed", "6"]).stdout);
}

#[test]
fn the_oracle_has_no_regret_and_racing_costs_more_energy_than_the_device_alone() {
    assert_eq!(simulate("oracle", &[])["regret"], 0.0);
    let (race, local) = (simulate("race-both", &["--bandwidth-percent", "5"]), simulate("always-local", &[]));
    assert!(number(&race, "joules") > number(&local, "joules"));
}

#[test]
fn an_lte_radio_costs_more_than_wifi_by_its_tail() {
    let joules =
        |link| number(&simulate("always-offload", &["--link", link, "--period-ms", "5000"]), "joules");
    let (wifi, lte) = (joules("wifi"), joules("lte"));
    // Five seconds of a tail of 1060 mW are 5.3 J a request; 250 ms of one of 133 mW are next to nothing.
    assert!(lte > 10.0 * wifi, "{lte} {wifi}");
}

#[test]
fn a_trace_that_cannot_be_read_says_where() {
    let file = crate::support::folder("a_trace_that").join("link.csv");
    std::fs::write(&file, "duration_ms,bandwidth_kbps,latency_ms\n1000,500,20\n1000,fast,20\n").unwrap();
    let output = run(&["--trace", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 3 of trace"), "{output:?}");
}

/// The commands of a page, without their program.
fn commands(page: &str) -> Vec<Vec<String>> {
    let page = page.replace("\\\n", " ");
    let lines = page.lines().filter_map(|line| line.strip_prefix("longshore-device simulate "));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn each_kind_of_device_harms_nobody_by_its_policy() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/devices");
    let all = commands(&std::fs::read_to_string(folder.join("README.md")).unwrap());
    assert_eq!(all.len(), DeviceClass::ALL.len());
    for (arguments, class) in all.iter().zip(DeviceClass::ALL) {
        let play = |policy: &str| -> Value {
            let output = Command::new(env!("CARGO_BIN_EXE_longshore-device"))
                .arg("simulate")
                .args(arguments)
                .args(["--policy", policy])
                .current_dir(&folder)
                .output()
                .unwrap();
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
        };
        let (ours, local, race) = (play("longshore"), play("always-local"), play("race-both"));
        assert!(arguments.windows(2).any(|pair| pair == ["--device-profile", class.word()]), "{arguments:?}");
        assert!(number(&ours, "missPercent") <= number(&local, "missPercent") + 0.1, "{class:?} {ours}");
        // Where there is time for one place after the other.
        if class != DeviceClass::Vehicle {
            assert!(number(&ours, "joules") <= 0.75 * number(&race, "joules"), "{class:?} {ours} {race}");
        }
    }
}

#[test]
fn a_bundle_that_is_none_is_told() {
    let file = crate::support::folder("a_bundle_that_is_none").join("bundle.json");
    std::fs::write(&file, "{}").unwrap();
    let output = run(&["--trace", "generated:4g", "--bundle", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds no policy bundle"), "{output:?}");
}

#[test]
fn on_a_battery_an_lte_radio_is_not_kept_awake_by_questions() {
    let setting = [
        "--device-profile",
        "wearable",
        "--link",
        "lte",
        "--battery-percent",
        "60",
        "--local-ms",
        "120",
        "--deadline-ms",
        "1000",
        "--period-ms",
        "5000",
        "--input-bytes",
        "8000",
    ];
    let (ours, local) = (simulate("longshore", &setting), simulate("always-local", &setting));
    // A radio that is asked every ten seconds would draw a watt all the time, and a run here takes 36 mJ.
    let extra = number(&ours, "joules") - number(&local, "joules");
    assert!(extra <= 0.05 * number(&local, "joules") + 3.0 * 2.0 * 12.7, "{ours} {local}");
}
