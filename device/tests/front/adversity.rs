//! Networks that lie, vanish and break, and clocks that are wrong: each input has its answer, and no nonsense becomes one.

use std::fs::File;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use crate::device::{DEADLINE, check, knowing, until_answered_by, window};
use crate::network::{Network, Weather};
use crate::support::{Endpoint, Gauge, MODEL, Script, folder, offload_only};
use longshore_device::core::outcome::Ending;
use longshore_device::{Builder, Device};
use wire::Outcome;

/// What portals say, and what else a device may find in the place of an endpoint.
const PORTALS: [&str; 8] = [
    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 26\r\n\r\n<html>Please log in</html>",
    "HTTP/1.1 302 Found\r\nlocation: http://login.example/\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 511 Network Authentication Required\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\nPay!",
    "HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\nNo!!",
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{\"outputs\":[]}",
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 104\r\n\r\n{\"model_name\":\"gauge\",\
     \"outputs\":[{\"name\":\"probabilities\",\"datatype\":\"FP32\",\"shape\":[1,2],\"data\":[1,0]}]}",
    "I am no web server at all\r\n\r\n",
];

/// A device with a model that knows the edge by an address in that network.
fn capable(network: &Network) -> Builder {
    Device::builder(MODEL).edge(network.url.parse().unwrap()).local_model(Gauge::new())
}

/// An endpoint that all inputs should go to, and the network before it.
fn edge() -> (Endpoint, Network) {
    let edge = Endpoint::start("oak", Script::Good).with_policy(offload_only);
    let network = Network::to(&edge);
    (edge, network)
}

#[tokio::test]
async fn a_captive_portal_from_the_start_gets_no_input_and_gives_no_answer() {
    for portal in PORTALS {
        let (_edge, network) = edge();
        network.turn(Weather::Portal(portal));
        let device = capable(&network).build().await.unwrap();
        check(&device.infer(window(), DEADLINE).await, Some("device"), "policy_unknown");
        assert_eq!(network.leaked.load(Ordering::SeqCst), 0, "{portal}");
        network.turn(Weather::Fair);
        until_answered_by("oak", &device).await;
    }
}

#[tokio::test]
async fn a_device_without_a_model_behind_a_portal_says_that_it_has_no_answer() {
    for portal in PORTALS {
        let (_edge, network) = edge();
        network.turn(Weather::Portal(portal));
        let device = Device::builder(MODEL).edge(network.url.parse().unwrap()).build().await.unwrap();
        let answer = device.infer(window(), DEADLINE).await;
        assert_eq!((answer.ending, answer.reason.word()), (Ending::Failed, "policy_unknown"), "{answer:?}");
        assert_eq!(network.leaked.load(Ordering::SeqCst), 0, "{portal}");
    }
}

#[tokio::test]
async fn a_captive_portal_that_comes_up_later_changes_neither_answers_nor_policy() {
    for portal in PORTALS {
        let (_edge, network) = edge();
        let device = capable(&network).build().await.unwrap();
        check(&device.infer(window(), DEADLINE).await, Some("oak"), "mode_offload_only");
        network.turn(Weather::Portal(portal));
        network.break_open();
        let mut reasons = Vec::new();
        for _ in 0..20 {
            let answer = device.infer(window(), DEADLINE).await;
            assert_eq!(
                (answer.ending, answer.place),
                (Ending::Answered, Some("device")),
                "{portal}: {answer:?}"
            );
            reasons.push(answer.reason.word());
        }
        let failed = reasons.iter().filter(|reason| **reason == "edge_failed").count();
        assert!((1..=2).contains(&failed), "{portal}: {reasons:?}");
        assert!(reasons.ends_with(&["endpoints_unreachable"]), "{portal}: {reasons:?}");
        network.turn(Weather::Fair);
        until_answered_by("oak", &device).await;
    }
}

#[tokio::test]
async fn a_portal_in_front_of_a_bare_model_server_gives_no_answer() {
    for portal in PORTALS.into_iter().take(6) {
        let edge = Endpoint::start("oak", Script::Bare);
        let network = Network::to(&edge);
        let device = Device::builder(MODEL).edge(network.url.parse().unwrap()).build().await.unwrap();
        assert_eq!(device.infer(window(), DEADLINE).await.place, Some("edge"));
        network.turn(Weather::Portal(portal));
        network.break_open();
        for _ in 0..3 {
            let answer = device.infer(window(), DEADLINE).await;
            assert_eq!((answer.ending, answer.place), (Ending::Failed, None), "{portal}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn connections_whose_peer_vanished_cost_one_run_here() {
    let (edge, network) = edge();
    let device = capable(&network).build().await.unwrap();
    // Several connections, so that more than one is kept.
    let warm: Vec<_> = (0..4).map(|_| tokio::spawn(ask(device.clone()))).collect();
    for answer in warm {
        check(&answer.await.unwrap(), Some("oak"), "mode_offload_only");
    }
    network.vanish();
    let before = edge.inferences.load(Ordering::SeqCst);
    check(&device.infer(window(), DEADLINE).await, Some("device"), "edge_silent");
    for _ in 0..8 {
        check(&device.infer(window(), DEADLINE).await, Some("oak"), "mode_offload_only");
    }
    assert_eq!(edge.inferences.load(Ordering::SeqCst), before + 8);
}

async fn ask(device: Device) -> longshore_device::Answer {
    device.infer(window(), DEADLINE).await
}

#[tokio::test]
async fn a_device_without_a_model_turns_to_another_node_when_a_peer_vanished() {
    let [oak, elm] = ["oak", "elm"].map(|name| Endpoint::start(name, Script::Good));
    let [to_oak, to_elm] = [Network::to(&oak), Network::to(&elm)];
    let device = Device::builder(MODEL)
        .edge(to_oak.url.parse().unwrap())
        .edge(to_elm.url.parse().unwrap())
        .build()
        .await
        .unwrap();
    until_answered_by("oak", &device).await;
    until_answered_by("elm", &device).await;
    to_oak.vanish();
    to_oak.turn(Weather::Swallowed);
    for _ in 0..10 {
        check(&device.infer(window(), DEADLINE).await, Some("elm"), "no_local_model");
    }
}

#[tokio::test]
async fn a_node_that_vanished_whole_costs_two_runs_in_reserve_and_no_more() {
    let (_edge, network) = edge();
    let device = capable(&network).build().await.unwrap();
    check(&device.infer(window(), DEADLINE).await, Some("oak"), "mode_offload_only");
    network.turn(Weather::Swallowed);
    network.vanish();
    let mut silent = 0;
    for _ in 0..30 {
        let answer = device.infer(window(), DEADLINE).await;
        assert_eq!((answer.ending, answer.place), (Ending::Answered, Some("device")), "{answer:?}");
        silent += usize::from(answer.reason.word() == "edge_silent");
    }
    assert!((1..=2).contains(&silent), "{silent} times it was waited for");
    network.turn(Weather::Fair);
    until_answered_by("oak", &device).await;
}

#[tokio::test]
async fn a_node_that_fails_at_once_does_not_look_attractive() {
    let hasty = Endpoint::start("oak", Script::Hasty);
    let good = Endpoint::start("elm", Script::Good);
    let device = knowing(&[&hasty, &good]).build().await.unwrap();
    let asked = || hasty.inferences.load(Ordering::SeqCst);
    let mut requests = 0;
    // As long as it takes to ask it several times whether it is back, which it says it is.
    while hasty.readiness.load(Ordering::SeqCst) < 4 {
        check(&device.infer(window(), DEADLINE).await, Some("elm"), "no_local_model");
        requests += 1;
        assert!(requests < 100_000, "it was never asked whether it is back");
    }
    // Two until it is left alone, then one each time that it says it is back. The first on a connection that was kept is sent
    // again on a new one.
    let (asked, probes) = (asked(), hasty.readiness.load(Ordering::SeqCst));
    assert!(
        asked <= 3 + 2 * probes,
        "{asked} of {requests} requests went there, it was probed {probes} times"
    );
}

#[tokio::test]
async fn a_node_that_refuses_at_once_and_says_it_is_idle_does_not_look_attractive() {
    let full = Endpoint::start("oak", Script::Refusing(Outcome::QueueFull));
    let good = Endpoint::start("elm", Script::Good);
    let device = knowing(&[&full, &good]).build().await.unwrap();
    for _ in 0..100 {
        check(&device.infer(window(), DEADLINE).await, Some("elm"), "no_local_model");
    }
    let asked = full.inferences.load(Ordering::SeqCst);
    assert!((1..=20).contains(&asked), "{asked} of 100 requests went there");
}

#[tokio::test]
async fn a_port_where_nobody_listens_does_not_look_attractive() {
    let good = Endpoint::start("elm", Script::Good);
    let network = Network::to(&good);
    network.turn(Weather::Refused);
    let device = knowing(&[&good]).edge(network.url.parse().unwrap()).build().await.unwrap();
    for _ in 0..30 {
        check(&device.infer(window(), DEADLINE).await, Some("elm"), "no_local_model");
    }
}

#[tokio::test]
async fn an_address_that_leads_to_another_node_of_the_model_tells_whose_answer_it_is() {
    let (_oak, network) = edge();
    let device = capable(&network).build().await.unwrap();
    check(&device.infer(window(), DEADLINE).await, Some("oak"), "mode_offload_only");
    let elm = Endpoint::start("elm", Script::Good).with_policy(offload_only);
    network.lead_to(&elm);
    until_answered_by("elm", &device).await;
}

#[tokio::test]
async fn an_address_that_leads_to_another_model_is_of_no_use_and_its_policy_is_not_taken() {
    let (_oak, network) = edge();
    let device = capable(&network).build().await.unwrap();
    check(&device.infer(window(), DEADLINE).await, Some("oak"), "mode_offload_only");
    let other = Endpoint::start("elm", Script::Refusing(Outcome::NotFound)).with_policy(|policy| {
        policy.mode = wire::bundle::Mode::LocalOnly;
    });
    other.bundle.lock().unwrap().model.name = "other".into();
    network.lead_to(&other);
    for _ in 0..5 {
        let answer = device.infer(window(), DEADLINE).await;
        assert_eq!((answer.ending, answer.place), (Ending::Answered, Some("device")), "{answer:?}");
        assert_ne!(answer.reason.word(), "mode_local_only");
    }
    assert!(0 < other.inferences.load(Ordering::SeqCst), "it never led there");
}

#[tokio::test]
async fn a_host_that_does_not_know_the_model_gives_way_to_the_next() {
    let other = Endpoint::start("oak", Script::Refusing(Outcome::NotFound));
    let good = Endpoint::start("elm", Script::Good);
    let device = knowing(&[&other, &good]).build().await.unwrap();
    for _ in 0..8 {
        check(&device.infer(window(), DEADLINE).await, Some("elm"), "no_local_model");
    }
    assert!(other.inferences.load(Ordering::SeqCst) > 0, "the choice never fell on the other one");
}

/// What a device without a network says whose policy file was written at this time.
async fn offline(test: &str, written: SystemTime) -> String {
    let file = folder(test).join("policy.json");
    let (_edge, network) = edge();
    capable(&network).policy_file(&file).build().await.unwrap();
    File::options().write(true).open(&file).unwrap().set_modified(written).unwrap();
    network.turn(Weather::Refused);
    network.break_open();
    let device = capable(&network).policy_file(&file).build().await.unwrap();
    let answer = device.infer(window(), DEADLINE).await;
    assert_eq!((answer.ending, answer.place), (Ending::Answered, Some("device")), "{answer:?}");
    let said = answer.reason.word().to_owned();
    network.turn(Weather::Fair);
    until_answered_by("oak", &device).await;
    said
}

#[tokio::test]
async fn a_policy_file_from_the_future_counts_as_just_written() {
    let ten_years = Duration::from_secs(10 * 365 * 86_400);
    assert_eq!(offline("from_the_future", SystemTime::now() + ten_years).await, "edge_failed");
}

#[tokio::test]
async fn a_policy_file_from_1970_is_too_old_and_the_edge_puts_it_right() {
    assert_eq!(offline("from_1970", SystemTime::UNIX_EPOCH).await, "bundle_expired");
}
