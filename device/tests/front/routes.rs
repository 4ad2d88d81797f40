//! What endpoints tell of each other, and what a device makes of it.

use std::time::Duration;

use longshore_device::{Device, Input, Tensor};
use serde_json::{Value, json};

use crate::device::{DEADLINE, ask, check, knowing, until, until_answered_by, window};
use crate::support::{Endpoint, Gauge, Script, offload_only, routes};

const RESOLVE: &str = "POST /v1alpha1/routes:resolve";

/// Questions for routes that an endpoint had so far.
fn questions(endpoint: &Endpoint) -> Vec<Value> {
    let asked = endpoint.asked.lock().unwrap();
    asked.iter().filter(|(target, _)| target == RESOLVE).map(|(_, body)| body.clone()).collect()
}

/// An endpoint that leads to others, with credit enough.
fn leading(name: &'static str, to: &[(&str, &str)]) -> Endpoint {
    let endpoint = Endpoint::start(name, Script::Good).with_policy(offload_only);
    *endpoint.routes.lock().unwrap() = Some(routes(to, 10_000));
    endpoint
}

async fn build(endpoint: &Endpoint) -> Device {
    knowing(&[endpoint]).local_model(Gauge::new()).zone("site-a").class("camera").build().await.unwrap()
}

#[tokio::test]
async fn an_endpoint_that_a_route_leads_to_is_met_before_it_is_used() {
    let elm = Endpoint::start("elm", Script::Slow(Duration::ZERO));
    let oak = leading("oak", &[("elm", &elm.url)]);
    let device = build(&oak).await;
    until_answered_by("elm", &device).await;
    let asked: Vec<String> = elm.asked.lock().unwrap().iter().map(|(target, _)| target.clone()).collect();
    assert_eq!(asked[..2], ["GET /v1alpha1/endpoint", "GET /v1alpha1/load"]);
    let question = questions(&oak).remove(0);
    assert_eq!(question["model"], json!({"name": "gauge"}));
    assert_eq!(question["device"], json!({"class": "camera", "zoneHint": "site-a"}));
    assert_eq!(question["dataClass"], "Internal");
}

#[tokio::test]
async fn a_question_tells_what_was_measured_and_what_is_sent() {
    let oak = leading("oak", &[]);
    // So that it asks as often as a device may.
    oak.routes.lock().unwrap().as_mut().unwrap().ttl_milliseconds = 1;
    let device = build(&oak).await;
    until_answered_by("oak", &device).await;
    until("a question that tells it", || {
        let known = |question: &Value| {
            let oak = &question["observed"][0];
            oak["endpointId"] == "oak"
                && oak["rttMilliseconds"].is_number()
                && question["payloadBytes"].as_u64() > Some(0)
                && question["deadlineMilliseconds"].as_u64() <= Some(DEADLINE.as_millis() as u64)
        };
        questions(&oak).iter().any(known)
    })
    .await;
}

#[tokio::test]
async fn a_route_to_a_stranger_is_not_followed() {
    let stranger = Endpoint::start("ash", Script::Slow(Duration::ZERO));
    let elm = Endpoint::start("elm", Script::Slow(Duration::ZERO));
    let oak = leading("oak", &[("fir", &stranger.url), ("elm", &elm.url)]);
    let device = build(&oak).await;
    until_answered_by("elm", &device).await;
    let met = || stranger.asked.lock().unwrap().iter().any(|(target, _)| target == "GET /v1alpha1/load");
    until("the stranger was met too", met).await;
    for _ in 0..20 {
        assert_ne!(device.infer(window(), DEADLINE).await.endpoint.as_deref(), Some("ash"));
    }
    assert_eq!(device.endpoints(), ["oak", "elm"]);
}

#[tokio::test]
async fn a_device_without_credit_answers_itself() {
    let oak = Endpoint::start("oak", Script::Good).with_policy(|policy| policy.battery_low_percent = 100);
    *oak.routes.lock().unwrap() = Some(routes(&[("oak", &oak.url)], 2));
    let device = build(&oak).await;
    device.set_battery_percent(Some(50.0));
    until("it knows its credit", || !questions(&oak).is_empty()).await;
    let mut answers = Vec::new();
    // The answer to the question is read a moment after it was given.
    while answers.len() < 100 && answers.last() != Some(&"credits_spent") {
        answers.push(device.infer(window(), DEADLINE).await.reason.word());
    }
    assert_eq!(answers.last(), Some(&"credits_spent"));
    check(&device.infer(window(), DEADLINE).await, Some("device"), "credits_spent");
}

#[tokio::test]
async fn a_device_that_can_do_nothing_itself_sends_without_credit() {
    let oak = leading("oak", &[]);
    *oak.routes.lock().unwrap() = Some(routes(&[], 1));
    let device = knowing(&[&oak]).build().await.unwrap();
    until("it knows its credit", || !questions(&oak).is_empty()).await;
    for _ in 0..5 {
        check(&device.infer(window(), DEADLINE).await, Some("oak"), "no_local_model");
    }
}

#[tokio::test]
async fn a_device_that_moves_asks_again_at_once() {
    let oak = leading("oak", &[]);
    let device = build(&oak).await;
    until("a question", || questions(&oak).len() == 1).await;
    device.set_zone("site-b");
    until("another question", || questions(&oak).len() == 2).await;
    assert_eq!(questions(&oak)[1]["device"]["zoneHint"], "site-b");
}

#[tokio::test]
async fn an_endpoint_that_knows_no_routes_serves_all_the_same() {
    let oak = Endpoint::start("oak", Script::Good).with_policy(offload_only);
    check(&ask(knowing(&[&oak])).await, Some("oak"), "no_local_model");
}

/// The answer to the first question is good for a minute, and the old node serves all the time.
#[tokio::test]
async fn on_a_link_that_fades_the_next_node_is_met_before_the_old_one_is_lost() {
    // A quarter of that minute in all.
    const TRIES_MAX: u64 = 40;
    let elm = Endpoint::start("elm", Script::Slow(Duration::ZERO));
    let oak = leading("oak", &[]);
    let device = knowing(&[&oak]).build().await.unwrap();
    let upload = || Input::Tensors(vec![Tensor::from_f32("window", &[1, 4_096], &[0.0; 4_096])]);
    oak.turn(Script::Slow(Duration::from_millis(40)));
    for _ in 0..6 {
        check(&device.infer(upload(), DEADLINE).await, Some("oak"), "no_local_model");
    }
    *oak.routes.lock().unwrap() = Some(routes(&[("elm", &elm.url)], 10_000));
    // Ever slower, so that it fades whatever a busy machine made of the uploads before.
    for tries in 0..TRIES_MAX {
        if device.endpoints() != ["oak"] {
            break;
        }
        oak.turn(Script::Slow(Duration::from_millis(130 + 10 * tries)));
        // By the next node where that was met a moment ago.
        assert_eq!(device.infer(upload(), DEADLINE).await.place, Some("edge"));
    }
    assert_eq!(device.endpoints(), ["oak", "elm"]);
    assert!(2 <= questions(&oak).len());
    until_answered_by("elm", &device).await;
}
