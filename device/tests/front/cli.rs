//! The program, with the example's real model and pictures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::site::Site;
use crate::support::{Door, Endpoint, Script, dead_url, folder};
use serde_json::Value;
use wire::Node;

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/person-detect").join(path)
}

/// A models folder of a device that holds the example's model.
fn models(test: &str) -> PathBuf {
    let models = folder(test);
    let version = models.join("person-detect/1");
    fs::create_dir_all(&version).unwrap();
    fs::copy(example("model/blazeface-person.onnx"), version.join("model.onnx")).unwrap();
    models
}

fn device(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longshore-device")).args(arguments).output().unwrap()
}

#[track_caller]
fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn a_person_is_found_on_the_device_with_every_node_dead() {
    let models = models("a_person_is_found");
    let (picture, dead) = (example("frames/astronaut.jpg"), dead_url());
    let output = device(&[
        "infer",
        "--edge",
        &dead,
        "--model",
        "person-detect",
        "--labels",
        "background,person",
        "--deadline-ms",
        "10000",
        "--models",
        models.to_str().unwrap(),
        "--input",
        picture.to_str().unwrap(),
    ]);
    let lines = json_lines(&output);
    let [line] = lines.as_slice() else { panic!("{output:?}") };
    assert_eq!(line["outcome"], "answered", "{line}");
    assert_eq!((line["place"].as_str(), line["label"].as_str()), (Some("device"), Some("person")));
    assert!((line["confidence"].as_f64().unwrap() - 0.92).abs() < 0.02, "{line}");
    assert!(line["modelDigest"].as_str().unwrap().starts_with("sha256:091d65fd"), "{line}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn watch_counts_every_frame() {
    let models = models("watch_counts");
    let output = device(&[
        "watch",
        "--json",
        "--model",
        "person-detect",
        "--labels",
        "background,person",
        "--deadline-ms",
        "10000",
        "--period-ms",
        "1",
        "--frames",
        "6",
        "--battery-percent",
        "50",
        "--models",
        models.to_str().unwrap(),
        "--input",
        example("frames").to_str().unwrap(),
    ]);
    let lines = json_lines(&output);
    assert_eq!(lines.len(), 7, "{output:?}");
    assert_eq!(lines[0]["input"], lines[4]["input"], "four frames, then the first again");
    let summary = &lines[6]["summary"];
    assert_eq!((&summary["frames"], &summary["here"], &summary["lost"]), (&6.into(), &6.into(), &0.into()));
    assert!(summary["deviceJoules"].as_f64().unwrap() > 0.0, "{summary}");
    assert_eq!((&summary["reasons"]["policy_unknown"], &summary["moves"]), (&6.into(), &0.into()));
    assert_eq!((&summary["edgeJoules"], &summary["edgeBytes"]), (&0.0.into(), &0.into()));
    assert_eq!(summary["savedJoules"], 0.0, "no edge saved anything");
    assert!(summary["savedBytes"].as_u64().unwrap() > 6 * 1_000, "six tensors were not sent: {summary}");
    for count in ["workMoves", "heldByMargin", "heldByDwell", "heldByFlapLimit"] {
        assert_eq!(summary[count], 0, "{count}");
    }
    let joules: f64 = lines[..6].iter().map(|line| line["deviceJoules"].as_f64().unwrap()).sum();
    assert!((joules - summary["deviceJoules"].as_f64().unwrap()).abs() < 1e-4, "the lines add up: {summary}");
}

#[test]
fn watch_ends_in_a_table_for_people() {
    let models = models("watch_ends");
    let output = device(&[
        "watch",
        "--model",
        "person-detect",
        "--labels",
        "background,person",
        "--deadline-ms",
        "10000",
        "--period-ms",
        "1",
        "--frames",
        "1",
        "--models",
        models.to_str().unwrap(),
        "--input",
        example("frames").to_str().unwrap(),
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap();
    assert!(
        first.contains("astronaut.jpg") && first.contains("device") && first.contains("person"),
        "{text}"
    );
    assert!(
        text.lines().any(|line| line.starts_with("answered here (device)") && line.ends_with(" 1")),
        "{text}"
    );
    for zero in ["lost", "joules for sending", "bytes sent", "moves of work", "held by the flap limit"] {
        let is_row = |line: &str| line.starts_with(zero) && (line.ends_with(" 0") || line.ends_with(" 0.0"));
        assert!(text.lines().any(is_row), "{zero}: {text}");
    }
    assert!(text.lines().any(|line| line.starts_with("bytes not sent") && !line.ends_with(" 0")), "{text}");
}

#[test]
fn watch_counts_frames_without_an_answer_as_lost() {
    let output = device(&[
        "watch",
        "--json",
        "--edge",
        &dead_url(),
        "--model",
        "person-detect",
        "--period-ms",
        "1",
        "--frames",
        "2",
        "--input",
        example("frames").to_str().unwrap(),
    ]);
    let lines = json_lines(&output);
    let summary = &lines.last().unwrap()["summary"];
    assert_eq!((&summary["frames"], &summary["late"]), (&2.into(), &0.into()), "{summary}");
    assert_eq!((&summary["failed"], &summary["lost"]), (&2.into(), &2.into()), "{summary}");
}

#[test]
fn an_answer_of_the_edge_tells_its_times_and_what_it_cost_and_saved() {
    let edge = Endpoint::start("oak", Script::Seeing);
    let picture = example("frames/astronaut.jpg");
    let input = picture.to_str().unwrap();
    let output = device(&[
        "infer",
        "--edge",
        &edge.url,
        "--model",
        "gauge",
        "--deadline-ms",
        "10000",
        "--input",
        input,
    ]);
    let line = &json_lines(&output)[0];
    assert_eq!((&line["place"], &line["endpoint"]), (&"edge".into(), &"oak".into()), "{line}");
    assert_eq!((&line["queueMilliseconds"], &line["serviceMilliseconds"]), (&0.04.into(), &0.9.into()));
    assert!(line["edgeJoules"].as_f64().unwrap() > 0.0, "{line}");
    // The tensor alone: three colours, eight by eight, four bytes each.
    assert!(line["edgeBytes"].as_u64().unwrap() > 768, "{line}");
    assert_eq!((&line["deviceJoules"], &line["savedBytes"]), (&0.0.into(), &0.into()), "{line}");
}

/// A policy that was kept, in a world without a network: obeyed until it is too old, and then nothing would be sent.
#[test]
fn without_a_network_the_kept_policy_holds_until_it_expires() {
    let models = models("without_a_network");
    let edge = Endpoint::start("oak", Script::Good);
    let mut bundle = edge.bundle.lock().unwrap().clone();
    bundle.model.name = "person-detect".into();
    bundle.model.labels = vec!["background".into(), "person".into()];
    bundle.policy.bundle_ttl_seconds = 3_600;
    bundle.endpoints = vec![Node { url: dead_url(), ..edge.node() }];
    let file = models.join("policy.json");
    fs::write(&file, serde_json::to_vec(&bundle).unwrap()).unwrap();
    let picture = example("frames/astronaut.jpg");
    let ask = |age_s: u64, has_model: bool| {
        let written = SystemTime::now() - Duration::from_secs(age_s);
        fs::File::options().write(true).open(&file).unwrap().set_modified(written).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore-device"));
        command.args([
            "infer",
            "--model",
            "person-detect",
            "--deadline-ms",
            "10000",
            "--battery-percent",
            "5",
        ]);
        command.args(["--edge", &dead_url()]).arg("--policy").arg(&file).arg("--input").arg(&picture);
        if has_model {
            command.arg("--models").arg(&models);
        }
        let output = command.output().unwrap();
        (json_lines(&output)[0].clone(), output.status.code())
    };
    let (young, code) = ask(60, true);
    assert_eq!(
        (&young["place"], &young["label"], code),
        (&"device".into(), &"person".into(), Some(0)),
        "{young}"
    );
    assert_ne!(young["reason"], "bundle_expired", "an edge would be used if there were one");
    let (old, code) = ask(3_700, true);
    assert_eq!(
        (&old["place"], &old["reason"], code),
        (&"device".into(), &"bundle_expired".into(), Some(0)),
        "{old}"
    );
    assert_eq!(old["label"], "person", "the labels still hold");
    let (nowhere, code) = ask(3_700, false);
    assert_eq!((&nowhere["outcome"], code), (&"failed".into(), Some(1)), "{nowhere}");
}

#[test]
fn a_missing_input_is_a_failed_answer_and_exit_1() {
    let edge = Endpoint::start("oak", Script::Good);
    let output = device(&["infer", "--edge", &edge.url, "--model", "gauge", "--input", "missing.jpg"]);
    let lines = json_lines(&output);
    assert_eq!((&lines[0]["outcome"], &lines[0]["reason"]), (&"failed".into(), &"input_unreadable".into()));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn bad_usage_is_exit_64() {
    for arguments in [
        &["infer"][..],
        &["infer", "--edge", "ftp://a", "--model", "m", "--input", "i"],
        &["infer", "--edge", "https://a", "--ca", "c", "--cert", "d", "--model", "m", "--input", "i"],
        &["infer", "--edge", "https://a", "--token-file", "t", "--model", "m", "--input", "i"],
        &["fly"],
    ] {
        assert_eq!(device(arguments).status.code(), Some(64), "{arguments:?}");
    }
    assert_eq!(device(&["--help"]).status.code(), Some(0));
}

#[test]
fn an_https_edge_needs_authorities_that_can_be_read() {
    for (arguments, words) in [(&[][..], "authorities"), (&["--ca", "missing.crt"], "missing.crt")] {
        let edge = ["infer", "--edge", "https://127.0.0.1:9", "--model", "m", "--input", "i.jpg"];
        let output = device(&[&edge[..], arguments].concat());
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(words), "{output:?}");
    }
}

#[test]
fn an_edge_inside_tls_answers_a_device_that_shows_who_it_is() {
    let (site, folder) = (Site::new("site"), folder("inside_tls"));
    let door = Door {
        tls: Some(site.server(&site.endpoint(|_| {}))),
        certificate: true,
        token: Some(Arc::new(Mutex::new("t0ken"))),
    };
    let edge = Endpoint::behind(door, "oak", Script::Seeing);
    let authorities = site.authority_file(&folder);
    let (certificate, key) = site.device().files(&folder);
    let token = folder.join("token");
    fs::write(&token, "t0ken").unwrap();
    let picture = example("frames/astronaut.jpg");
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore-device"));
    command.args(["infer", "--edge", &edge.url, "--model", "gauge", "--deadline-ms", "10000"]);
    command.arg("--input").arg(picture).arg("--ca").arg(authorities);
    let refused = json_lines(&command.output().unwrap());
    assert_eq!(refused[0]["reason"], "unauthenticated", "{refused:?}");
    command.arg("--cert").arg(certificate).arg("--key").arg(key).arg("--token-file").arg(token);
    let answered = json_lines(&command.output().unwrap());
    assert_eq!((&answered[0]["outcome"], &answered[0]["endpoint"]), (&"answered".into(), &"oak".into()));
}

#[test]
fn a_corrupt_model_is_exit_78_and_named() {
    let models = folder("a_corrupt_model");
    fs::create_dir_all(models.join("m/1")).unwrap();
    fs::write(models.join("m/1/model.onnx"), "no model").unwrap();
    let output = device(&["infer", "--model", "m", "--models", models.to_str().unwrap(), "--input", "i.jpg"]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("model.onnx"), "{output:?}");
}
