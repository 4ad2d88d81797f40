//! [`Device::infer`] against scripted endpoints.

use std::fs::File;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use crate::support::{Endpoint, Gauge, MODEL, Script, dead_url, folder, offload_only};
use longshore_device::core::outcome::Ending;
use longshore_device::{Answer, Builder, Device, Input, Tensor};
use tokio::time::sleep;
use wire::bundle::{Fallback, Mode, OffloadPolicy};
use wire::{Node, Outcome, PolicyBundle};

/// Long enough for a busy machine; the promise itself is told by the answer's outcome.
pub const DEADLINE: Duration = Duration::from_secs(3);

pub fn window() -> Input {
    Input::Tensors(vec![Tensor::from_f32("window", &[1, 4], &[0.0, 1.0, 0.0, 1.0])])
}

pub fn knowing(endpoints: &[&Endpoint]) -> Builder {
    endpoints
        .iter()
        .fold(Device::builder(MODEL), |builder, endpoint| builder.edge(endpoint.url.parse().unwrap()))
}

pub async fn ask(builder: Builder) -> Answer {
    builder.build().await.unwrap().infer(window(), DEADLINE).await
}

#[track_caller]
pub fn check(answer: &Answer, where_: Option<&str>, reason: &str) {
    let place = answer.endpoint.as_deref().or(answer.place);
    assert_eq!((place, answer.reason.word()), (where_, reason), "{answer:?}");
    let ending = if where_.is_some() { Ending::Answered } else { Ending::Failed };
    assert_eq!(answer.ending, ending, "{answer:?}");
}

#[tokio::test]
async fn the_edge_answers_a_device_without_a_model() {
    let edge = Endpoint::start("oak", Script::Good);
    let answer = ask(knowing(&[&edge])).await;
    check(&answer, Some("oak"), "no_local_model");
    assert_eq!(answer.label.as_deref(), Some("shaking"));
    assert_eq!(answer.confidence, Some(0.875));
    assert_eq!(answer.model_digest.as_deref(), Some(format!("sha256:{}", "07".repeat(32)).as_str()));
    assert_eq!(answer.queue, Some(Duration::from_micros(40)), "as the endpoint tells");
    assert_eq!(answer.service, Some(Duration::from_micros(900)));
}

#[tokio::test]
async fn an_answer_tells_how_long_it_ran_where_that_is_known() {
    let here = ask(Device::builder(MODEL).local_model(Gauge::new())).await;
    assert!(here.service.is_some_and(|service| service <= here.latency), "{here:?}");
    assert!(here.queue.is_some_and(|queue| queue <= here.latency), "{here:?}");
    let bare = Endpoint::start("oak", Script::Bare);
    let answer = ask(knowing(&[&bare])).await;
    assert_eq!((answer.place, answer.queue, answer.service), (Some("edge"), None, None), "{answer:?}");
}

/// 0.875 against 0.125 at the edge and 0.75 against 0.25 here; at temperature 2 the roots count: odds of 7 become 2.65.
#[tokio::test]
async fn the_owners_temperature_counts_for_both_places_and_decides_what_is_doubtful() {
    let warm = |policy: &mut OffloadPolicy| policy.confidence_temperature_percent = 200;
    let near = |answer: &Answer, want: f32| (answer.confidence.unwrap() - want).abs() < 1e-3;
    let edge = Endpoint::start("oak", Script::Good).with_policy(warm);
    let answer = ask(knowing(&[&edge])).await;
    assert!(near(&answer, 0.7257) && answer.label.as_deref() == Some("shaking"), "{answer:?}");

    for (least, place) in [(60, "device"), (70, "oak")] {
        let edge = Endpoint::start("oak", Script::Good).with_policy(|policy| {
            warm(policy);
            // So that work stays here unless the answer is doubtful: 0.75 would be sure enough, 0.634 is not.
            policy.latency_margin_percent = 100;
            policy.escalate_below_confidence_percent = least;
        });
        let answer = ask(knowing(&[&edge]).local_model(Gauge::new())).await;
        let from = answer.endpoint.as_deref().or(answer.place);
        assert_eq!(from, Some(place), "{answer:?}");
        assert!(near(&answer, if place == "oak" { 0.7257 } else { 0.634 }), "{answer:?}");
    }
}

#[tokio::test]
async fn a_silent_edge_is_answered_for_here() {
    let edge = Endpoint::start("oak", Script::Silent).with_policy(offload_only);
    let answer = ask(knowing(&[&edge]).local_model(Gauge::new())).await;
    check(&answer, Some("device"), "edge_silent");
    assert_eq!(answer.label.as_deref(), Some("calm"));
}

#[tokio::test]
async fn a_slow_edge_is_answered_for_here() {
    let edge = Endpoint::start("oak", Script::Slow(Duration::from_secs(30))).with_policy(offload_only);
    check(&ask(knowing(&[&edge]).local_model(Gauge::new())).await, Some("device"), "edge_silent");
}

#[tokio::test]
async fn a_dropped_connection_is_answered_for_here() {
    let edge = Endpoint::start("oak", Script::Dropping).with_policy(offload_only);
    check(&ask(knowing(&[&edge]).local_model(Gauge::new())).await, Some("device"), "edge_failed");
}

#[tokio::test]
async fn advice_to_run_here_or_later_is_obeyed() {
    for outcome in [Outcome::TooLate, Outcome::QuotaExceeded, Outcome::ModelNotReady, Outcome::Expired] {
        let edge = Endpoint::start("oak", Script::Refusing(outcome)).with_policy(offload_only);
        let answer = ask(knowing(&[&edge]).local_model(Gauge::new())).await;
        check(&answer, Some("device"), outcome.word());
        assert_eq!(edge.inferences.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn advice_to_go_elsewhere_is_obeyed() {
    for outcome in [Outcome::QueueFull, Outcome::Draining] {
        let full = Endpoint::start("oak", Script::Refusing(outcome));
        let good = Endpoint::start("elm", Script::Good);
        let device = knowing(&[&full, &good]).build().await.unwrap();
        for _ in 0..8 {
            check(&device.infer(window(), DEADLINE).await, Some("elm"), "no_local_model");
        }
        assert!(full.inferences.load(Ordering::SeqCst) > 0, "the choice never fell on the full one");
    }
}

#[tokio::test]
async fn a_server_that_is_no_endpoint_gives_way_to_the_next() {
    let portal = Endpoint::start("oak", Script::Foreign);
    let good = Endpoint::start("elm", Script::Good);
    check(&ask(knowing(&[&portal, &good])).await, Some("elm"), "no_local_model");
}

#[tokio::test]
async fn a_final_refusal_fails_with_its_word() {
    let edge = Endpoint::start("oak", Script::Refusing(Outcome::Rejected));
    let answer = ask(knowing(&[&edge])).await;
    check(&answer, None, "rejected");
    assert_eq!(answer.detail.as_deref(), Some("oak refused: rejected"));
}

#[tokio::test]
async fn dead_edges_leave_the_device_its_own_answer() {
    let builder = Device::builder(MODEL)
        .edge(dead_url().parse().unwrap())
        .labels(vec!["calm".into(), "shaking".into()])
        .local_model(Gauge::new());
    let device = builder.build().await.unwrap();
    for _ in 0..5 {
        let answer = device.infer(window(), DEADLINE).await;
        assert_eq!((answer.place, answer.label.as_deref()), (Some("device"), Some("calm")), "{answer:?}");
    }
}

#[tokio::test]
async fn nowhere_to_run_is_a_clear_failure() {
    let answer = ask(Device::builder(MODEL).edge(dead_url().parse().unwrap())).await;
    assert_eq!(answer.ending, Ending::Failed);
    assert!(answer.detail.is_some_and(|detail| detail.contains("failed to connect")));
}

#[tokio::test]
async fn no_time_at_all_is_late() {
    let edge = Endpoint::start("oak", Script::Silent);
    let device = knowing(&[&edge]).build().await.unwrap();
    let answer = device.infer(window(), Duration::from_millis(20)).await;
    assert_eq!((answer.ending, answer.place), (Ending::Late, None), "{answer:?}");
}

#[tokio::test]
async fn one_edge_tells_the_others_and_a_node_counts_once() {
    let oak = Endpoint::start("oak", Script::Good);
    let elm = Endpoint::start("elm", Script::Good);
    oak.bundle.lock().unwrap().endpoints = vec![oak.node(), elm.node()];
    let by_another_address = oak.url.replace("127.0.0.1", "localhost");
    let device = knowing(&[&oak]).edge(by_another_address.parse().unwrap()).build().await.unwrap();
    let mut names = device.endpoints();
    names.sort();
    assert_eq!(names, ["elm", "oak"]);
}

#[tokio::test]
async fn connections_are_kept() {
    let edge = Endpoint::start("oak", Script::Good);
    let device = knowing(&[&edge]).build().await.unwrap();
    for _ in 0..20 {
        check(&device.infer(window(), DEADLINE).await, Some("oak"), "no_local_model");
    }
    let connections = edge.connections.load(Ordering::SeqCst);
    assert!(connections <= 3, "{connections} connections for 20 requests");
}

#[tokio::test]
async fn a_saved_policy_serves_offline_until_it_expires() {
    let file = folder("a_saved_policy").join("policy.json");
    let edge = Endpoint::start("oak", Script::Good).with_policy(|policy| policy.mode = Mode::LocalOnly);
    knowing(&[&edge]).policy_file(&file).build().await.unwrap();

    let offline = || {
        let dead = dead_url().parse().unwrap();
        Device::builder(MODEL).edge(dead).policy_file(&file).local_model(Gauge::new())
    };
    let answer = ask(offline()).await;
    check(&answer, Some("device"), "mode_local_only");
    assert_eq!(answer.label.as_deref(), Some("calm"));

    let mut bundle = edge.bundle.lock().unwrap().clone();
    bundle.policy.mode = Mode::Automatic;
    std::fs::write(&file, serde_json::to_vec(&bundle).unwrap()).unwrap();
    let two_days_ago = SystemTime::now() - Duration::from_secs(2 * 86_400);
    File::options().write(true).open(&file).unwrap().set_modified(two_days_ago).unwrap();
    check(&ask(offline()).await, Some("device"), "bundle_expired");
}

#[tokio::test]
async fn the_last_answer_is_repeated_where_the_owner_wants_that() {
    let edge = Endpoint::start("oak", Script::Good).with_policy(|policy| {
        policy.mode = Mode::OffloadOnly;
        policy.fallback = Fallback::CachedResult;
    });
    let device = knowing(&[&edge]).local_model(Gauge::new()).build().await.unwrap();
    check(&device.infer(window(), DEADLINE).await, Some("oak"), "mode_offload_only");
    edge.turn(Script::Dropping);
    check(&device.infer(window(), DEADLINE).await, None, "edge_failed");
    let repeated = device.infer(window(), DEADLINE).await;
    assert_eq!((repeated.place, repeated.reason.word()), (Some("cache"), "endpoints_unreachable"));
    assert_eq!((repeated.ending, repeated.label.as_deref()), (Ending::Answered, Some("shaking")));
    assert_eq!((repeated.queue, repeated.service), (None, None), "nothing ran for it");
}

#[tokio::test]
async fn a_device_that_can_do_nothing_else_asks_for_a_policy_instead_of_one_that_expired() {
    let file = folder("asks_instead_of_expired").join("policy.json");
    let edge = Endpoint::start("oak", Script::Secretive);
    let held = edge.bundle.lock().unwrap().clone();
    std::fs::write(&file, serde_json::to_vec(&held).unwrap()).unwrap();
    let two_days_ago = SystemTime::now() - Duration::from_secs(2 * 86_400);
    File::options().write(true).open(&file).unwrap().set_modified(two_days_ago).unwrap();
    let device = knowing(&[&edge]).policy_file(&file).build().await.unwrap();
    edge.turn(Script::Good);
    check(&device.infer(window(), DEADLINE).await, Some("oak"), "no_local_model");
}

/// What a device with a policy file of this age answers, where the file says that all stays on the device and `offer`
/// changes what the edge serves, which says that all goes to the edge.
async fn offered(test: &str, age: Duration, offer: impl FnOnce(&mut PolicyBundle)) -> Answer {
    let file = folder(test).join("policy.json");
    let edge = Endpoint::start("oak", Script::Good).with_policy(offload_only);
    let mut held = edge.bundle.lock().unwrap().clone();
    (held.revision, held.policy.mode) = ("7-a".into(), Mode::LocalOnly);
    std::fs::write(&file, serde_json::to_vec(&held).unwrap()).unwrap();
    File::options().write(true).open(&file).unwrap().set_modified(SystemTime::now() - age).unwrap();
    offer(&mut edge.bundle.lock().unwrap());
    ask(knowing(&[&edge]).policy_file(&file).local_model(Gauge::new())).await
}

#[tokio::test]
async fn an_older_policy_of_the_same_offload_is_not_taken() {
    let answer = offered("an_older_policy", Duration::ZERO, |_| {}).await;
    check(&answer, Some("device"), "mode_local_only");
}

#[tokio::test]
async fn the_policy_of_an_offload_that_was_created_again_is_taken() {
    let again = |bundle: &mut PolicyBundle| bundle.offload_uid = "second".into();
    check(&offered("created_again", Duration::ZERO, again).await, Some("oak"), "mode_offload_only");
}

#[tokio::test]
async fn any_policy_is_taken_instead_of_one_that_expired() {
    let two_days = Duration::from_secs(2 * 86_400);
    check(&offered("expired", two_days, |_| {}).await, Some("oak"), "mode_offload_only");
}

#[tokio::test]
async fn a_node_is_dialled_where_the_edge_lists_it_and_not_where_the_file_does() {
    let file = folder("a_node_is_dialled").join("policy.json");
    let oak = Endpoint::start("oak", Script::Refusing(Outcome::QueueFull));
    let elm = Endpoint::start("elm", Script::Good);
    let mut bundle = oak.bundle.lock().unwrap().clone();
    bundle.endpoints = vec![Node { url: dead_url(), ..elm.node() }];
    std::fs::write(&file, serde_json::to_vec(&bundle).unwrap()).unwrap();
    oak.bundle.lock().unwrap().endpoints = vec![elm.node()];
    check(&ask(knowing(&[&oak]).policy_file(&file)).await, Some("elm"), "no_local_model");
}

#[tokio::test]
async fn an_endpoint_whose_model_is_down_is_left_alone_until_it_is_ready() {
    let edge = Endpoint::start("oak", Script::Refusing(Outcome::ModelNotReady)).with_policy(offload_only);
    let device = knowing(&[&edge]).local_model(Gauge::new()).build().await.unwrap();
    for _ in 0..2 {
        check(&device.infer(window(), DEADLINE).await, Some("device"), "model_not_ready");
    }
    until("two probes", || 2 <= edge.readiness.load(Ordering::SeqCst)).await;
    check(&device.infer(window(), DEADLINE).await, Some("device"), "endpoints_unreachable");
    assert_eq!(edge.inferences.load(Ordering::SeqCst), 2);
    edge.turn(Script::Good);
    until_answered_by("oak", &device).await;
}

#[tokio::test]
async fn nothing_leaves_the_device_before_an_endpoint_told_its_policy() {
    let edge = Endpoint::start("oak", Script::Secretive).with_policy(offload_only);
    let device = knowing(&[&edge]).local_model(Gauge::new()).build().await.unwrap();
    check(&device.infer(window(), DEADLINE).await, Some("device"), "policy_unknown");
    assert_eq!(edge.inferences.load(Ordering::SeqCst), 0);
    edge.turn(Script::Good);
    until_answered_by("oak", &device).await;
}

#[tokio::test]
async fn a_device_without_a_model_waits_for_the_policy_as_long_as_it_may() {
    let edge = Endpoint::start("oak", Script::Secretive);
    let device = knowing(&[&edge]).build().await.unwrap();
    check(&device.infer(window(), Duration::from_millis(200)).await, None, "policy_unknown");
    assert_eq!(edge.inferences.load(Ordering::SeqCst), 0);
    edge.turn(Script::Good);
    check(&device.infer(window(), DEADLINE).await, Some("oak"), "no_local_model");
}

#[tokio::test]
async fn a_bare_model_server_has_no_policy_and_is_used() {
    let edge = Endpoint::start("oak", Script::Bare);
    let device = knowing(&[&edge]).build().await.unwrap();
    let address = edge.url.trim_start_matches("http://");
    check(&device.infer(window(), DEADLINE).await, Some(address), "no_local_model");
    edge.turn(Script::Dropping);
    check(&device.infer(window(), DEADLINE).await, None, "edge_failed");
    edge.turn(Script::Bare);
    until_answered_by(address, &device).await;
}

/// Waits for a condition, 10 s at most.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("never saw {what}");
}

/// Asks again and again until this endpoint answers.
pub async fn until_answered_by(endpoint: &str, device: &Device) {
    for _ in 0..200 {
        if device.infer(window(), DEADLINE).await.endpoint.as_deref() == Some(endpoint) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{endpoint} never answered");
}

#[tokio::test]
async fn an_input_that_is_no_picture_is_told_so() {
    let device = Device::builder(MODEL).local_model(Gauge::new()).build().await.unwrap();
    let answer = device.infer(Input::Picture("no picture".into()), DEADLINE).await;
    check(&answer, None, "input_unreadable");
}
