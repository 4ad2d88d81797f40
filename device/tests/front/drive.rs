//! The core as a program: events in, effects out, time in the events.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A driven core, in a world of endpoints that are alike and a processor.
struct Driven {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    now_us: u64,
    request: u64,
}

impl Driven {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_longshore-device"))
            .arg("drive")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output, now_us: 0, request: 0 }
    }

    fn line(&mut self, line: &str) -> Value {
        writeln!(self.input, "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).expect(&answer)
    }

    fn event(&mut self, mut event: Value) -> Vec<Value> {
        event["nowMicroseconds"] = self.now_us.into();
        self.line(&event.to_string())["effects"].as_array().unwrap().clone()
    }

    fn model(&mut self, local_us: u64, policy: Value) {
        let runs = [local_us; 3];
        self.event(json!({ "event": "model", "policy": policy, "localMicroseconds": runs }));
        let load = json!({ "serviceP95Microseconds": 20_000 });
        self.event(json!({
            "event": "probed", "endpoint": 0, "question": "load", "roundTripMicroseconds": 20_000, "load": load,
        }));
    }

    fn forecast(&mut self) -> Value {
        let now_us = self.now_us;
        self.line(&json!({ "event": "forecast", "nowMicroseconds": now_us, "bytes": 40_000 }).to_string())
    }

    /// A request every half second, with 300 ms to answer; the edge takes one time for all of it but the service, the
    /// device another. The answer.
    fn ask(&mut self, network_us: u64, service_us: u64, local_us: u64) -> Value {
        self.ask_behind(0, network_us, service_us, local_us)
    }

    /// The same, where the edge lets it wait first.
    fn ask_behind(&mut self, queue_us: u64, network_us: u64, service_us: u64, local_us: u64) -> Value {
        self.now_us += 500_000;
        self.request += 1;
        let (request, begun_us) = (self.request, self.now_us);
        let deadline_us = begun_us + 300_000;
        let mut effects = self.event(json!({
            "event": "start", "request": request, "deadlineMicroseconds": deadline_us, "bytes": 40_000,
        }));
        let (mut timer_us, mut here_us) = (u64::MAX, u64::MAX);
        let mut out: Vec<(u64, Value)> = Vec::new();
        let answer = loop {
            for effect in &effects {
                match effect["effect"].as_str().unwrap() {
                    "runLocal" => here_us = self.now_us + local_us,
                    "send" => {
                        let at_us = self.now_us + network_us + queue_us + service_us;
                        out.push((at_us, effect["endpoint"].clone()));
                    }
                    "cancel" => out.retain(|(_, endpoint)| *endpoint != effect["endpoint"]),
                    "setTimer" => timer_us = effect["atMicroseconds"].as_u64().unwrap(),
                    _ => {}
                }
            }
            if let Some(answer) = effects.iter().find(|effect| effect["effect"] == "answer") {
                break answer.clone();
            }
            let edge_us = out.first().map_or(u64::MAX, |(at_us, _)| *at_us);
            self.now_us = self.now_us.max(timer_us.min(edge_us).min(here_us));
            effects = if here_us <= self.now_us {
                here_us = u64::MAX;
                self.event(json!({ "event": "localDone", "request": request }))
            } else if edge_us <= self.now_us {
                let (_, endpoint) = out.remove(0);
                self.event(json!({
                    "event": "remoteAnswered", "request": request, "endpoint": endpoint, "outcome": "served", "bytes": 40_000,
                    "totalMicroseconds": network_us + queue_us + service_us, "queueMicroseconds": queue_us,
                    "serviceMicroseconds": service_us,
                }))
            } else {
                timer_us = u64::MAX;
                self.event(json!({ "event": "timer", "request": request }))
            };
        };
        assert!(self.now_us <= deadline_us, "{answer}");
        self.now_us = begun_us;
        answer
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn the_documented_session_is_what_happens() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/drive.md");
    let text = std::fs::read_to_string(page).unwrap();
    let mut driven = Driven::start(&["--device-profile", "camera", "--link", "wifi"]);
    let mut answer = Value::Null;
    let mut lines = 0;
    for line in text.lines() {
        if let Some(event) = line.strip_prefix("> ") {
            answer = driven.line(event);
        } else if let Some(expected) = line.strip_prefix("< ") {
            assert_eq!(answer, serde_json::from_str::<Value>(expected).expect(expected), "line {lines}");
            lines += 1;
        }
    }
    assert_eq!(lines, 10, "the page has a session");
}

#[track_caller]
fn check_near(value: &Value, expected_us: f64) {
    let us = value.as_f64().unwrap();
    assert!((us - expected_us).abs() <= 0.25 * expected_us, "{us} for {expected_us}");
}

#[test]
fn a_fourfold_step_of_the_uplink_is_known_within_eight_requests() {
    let mut driven = Driven::start(&[]);
    driven.model(200_000, json!({ "mode": "OffloadOnly" }));
    for transmit_us in [40_000, 160_000, 40_000, 10_000] {
        for _ in 0..8 {
            driven.ask(20_000 + transmit_us, 15_000, 200_000);
        }
        check_near(&driven.forecast()["edgeMicroseconds"], (35_000 + transmit_us) as f64);
    }
}

#[test]
fn a_fourfold_step_of_the_load_is_known_within_eight_requests() {
    let mut driven = Driven::start(&[]);
    driven.model(200_000, json!({ "mode": "OffloadOnly" }));
    for service_us in [20_000, 80_000, 20_000] {
        for _ in 0..8 {
            driven.ask(40_000, service_us, 200_000);
        }
        check_near(&driven.forecast()["edgeMicroseconds"], (40_000 + service_us) as f64);
    }
}

/// A processor that grows hot is seen as a slower model, and work moves.
#[test]
fn a_throttled_device_is_known_within_eight_requests_and_gives_its_work_away() {
    let mut driven = Driven::start(&[]);
    driven.model(30_000, json!({ "minDwellSeconds": 0 }));
    for _ in 0..8 {
        assert_eq!(driven.ask(60_000, 15_000, 30_000)["place"], "device");
    }
    let places: Vec<Value> = (0..10).map(|_| driven.ask(60_000, 15_000, 120_000)["place"].clone()).collect();
    assert_eq!(places[8..], ["edge", "edge"], "{places:?}");
    assert!(driven.forecast()["localMicroseconds"].as_f64().unwrap() > 75_000.0);
}

#[test]
fn an_edge_that_was_slow_is_found_again_when_it_is_quick() {
    let mut driven = Driven::start(&[]);
    driven.model(150_000, json!({}));
    for _ in 0..20 {
        driven.ask(900_000, 15_000, 150_000);
    }
    let places: Vec<Value> = (0..60).map(|_| driven.ask(40_000, 15_000, 150_000)["place"].clone()).collect();
    assert!(places.iter().rev().take(20).all(|place| place == "edge"), "{places:?}");
}

#[test]
fn what_others_tell_of_an_endpoint_counts_until_it_speaks_itself() {
    let mut driven = Driven::start(&[]);
    driven.now_us = 1_000_000;
    driven.model(200_000, json!({}));
    let before = driven.forecast()["edgeMicroseconds"].as_f64().unwrap();
    let load = json!({ "waitMicroseconds": 90_000, "serviceP95Microseconds": 20_000 });
    let told =
        |age_us: u64| json!({ "event": "routed", "endpoint": 0, "ageMicroseconds": age_us, "load": load });
    driven.now_us = 2_000_000;
    driven.event(told(1_500_000));
    assert_eq!(driven.forecast()["edgeMicroseconds"].as_f64(), Some(before), "it is older than its own word");
    driven.event(told(500_000));
    assert_eq!(driven.forecast()["edgeMicroseconds"].as_f64(), Some(before + 90_000.0));
}

#[test]
fn a_credit_is_kept_to() {
    let mut driven = Driven::start(&[]);
    driven.model(100_000, json!({ "minDwellSeconds": 0, "latencyMarginPercent": 0 }));
    (0..8).for_each(|_| drop(driven.ask(20_000, 5_000, 100_000)));
    driven.event(json!({
        "event": "credited", "requests": 1, "periodMicroseconds": 2_000_000, "untilMicroseconds": 60_000_000,
    }));
    // Two requests a second and leave for one in two seconds.
    let answers: Vec<Value> = (0..16).map(|_| driven.ask(20_000, 5_000, 100_000)).collect();
    let at_edge = answers.iter().filter(|answer| answer["place"] == "edge").count();
    assert!((3..=5).contains(&at_edge), "{answers:?}");
    assert!(
        answers
            .iter()
            .filter(|answer| answer["place"] == "device")
            .all(|answer| answer["reason"] == "credits_spent")
    );
}

#[test]
fn after_a_move_the_way_is_measured_anew_at_once() {
    let mut driven = Driven::start(&[]);
    driven.now_us = 1_000_000;
    driven.model(200_000, json!({}));
    driven.event(json!({ "event": "tick" }));
    let probe = json!({ "effect": "probe", "endpoint": 0, "question": "load" });
    assert_eq!(driven.event(json!({ "event": "tick" })), [] as [Value; 0]);
    driven.event(json!({ "event": "moved" }));
    assert_eq!(driven.event(json!({ "event": "tick" })), [probe]);
}

/// The order is good for a minute, and the old endpoint serves all the time.
#[test]
fn on_a_link_that_fades_the_next_endpoint_is_asked_for_while_the_old_one_serves() {
    let resolve = json!({ "effect": "resolve" });
    let mut driven = Driven::start(&[]);
    driven.event(json!({ "event": "model", "routes": true }));
    assert!(driven.event(json!({ "event": "tick" })).contains(&resolve));
    driven.event(json!({ "event": "resolved", "ttlMicroseconds": 60_000_000 }));
    for _ in 0..6 {
        assert_eq!(driven.ask(40_000, 20_000, 0)["endpoint"], 0);
        assert!(!driven.event(json!({ "event": "tick" })).contains(&resolve));
    }
    assert_eq!(driven.ask(100_000, 20_000, 0)["endpoint"], 0);
    assert!(driven.event(json!({ "event": "tick" })).contains(&resolve), "it fades");
    driven.event(json!({ "event": "resolved", "ttlMicroseconds": 60_000_000 }));
    assert_eq!(driven.ask(120_000, 20_000, 0)["endpoint"], 0, "until another one has answered");
    let met = json!({ "event": "met", "roundTripMicroseconds": 10_000 });
    assert_eq!(driven.event(met), [json!({ "effect": "added", "endpoint": 1 })]);
    let answers: Vec<Value> = (0..8).map(|_| driven.ask(40_000, 20_000, 0)).collect();
    assert!(answers.iter().all(|answer| answer["place"] == "edge"), "{answers:?}");
    assert!(answers.iter().any(|answer| answer["endpoint"] == 1), "{answers:?}");
    driven.event(json!({ "event": "removed", "endpoint": 0 }));
    assert_eq!(driven.ask(40_000, 20_000, 0)["endpoint"], 1);
}

/// The edge is better and worse in turn, as its load reports tell. Three moves a minute are enough for this owner.
#[test]
fn work_moves_as_often_as_the_policy_says_and_what_is_held_is_counted() {
    let mut driven = Driven::start(&[]);
    driven.model(100_000, json!({ "minDwellSeconds": 0, "latencyMarginPercent": 0, "maxMovesPerMinute": 3 }));
    let mut reasons = Vec::new();
    for second in 0..120 {
        let wait = if second / 5 % 2 == 0 { 0 } else { 90_000 };
        let load = json!({ "serviceP95Microseconds": 20_000, "waitMicroseconds": wait });
        driven.event(json!({
            "event": "probed", "endpoint": 0, "question": "load", "roundTripMicroseconds": 20_000, "load": load,
        }));
        for _ in 0..2 {
            reasons.push(
                driven.ask_behind(wait, 40_000, 15_000, 100_000)["reason"].as_str().unwrap().to_owned(),
            );
        }
    }
    let forecast = driven.forecast();
    let held = reasons.iter().filter(|reason| *reason == "flap_limit").count();
    assert!(20 < held, "{reasons:?}");
    assert_eq!(forecast["heldByFlapLimit"], held, "{forecast}");
    assert!((4..=6).contains(&forecast["workMoves"].as_u64().unwrap()), "three a minute: {forecast}");
    assert_eq!(forecast["heldByDwell"], 0);
    assert!(forecast["savedMicrojoules"].as_f64().unwrap() > 0.0, "{forecast}");
    assert_eq!(forecast["savedBytes"].as_u64().unwrap() % 40_000, 0);
}
