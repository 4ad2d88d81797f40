//! The table of outcomes as the design states it, row by row, and what is made of it.

use wire::{Advice, Outcome, Problem, problem};

#[test]
fn the_table_is_the_one_in_the_design() {
    let design = [
        (Outcome::Served, None, 0, "served", Advice::None),
        (Outcome::Rejected, None, 3, "rejected", Advice::None),
        (Outcome::TooLate, Some(429), 8, "too_late", Advice::Local),
        (Outcome::QueueFull, Some(429), 8, "queue_full", Advice::Elsewhere),
        (Outcome::QuotaExceeded, Some(429), 8, "quota_exceeded", Advice::Later),
        (Outcome::Expired, Some(504), 4, "expired", Advice::Local),
        (Outcome::ModelNotReady, Some(503), 14, "model_not_ready", Advice::Local),
        (Outcome::Draining, Some(503), 14, "draining", Advice::Elsewhere),
        (Outcome::PayloadTooLarge, Some(413), 8, "payload_too_large", Advice::Local),
        (Outcome::Malformed, Some(400), 3, "malformed", Advice::None),
        (Outcome::Unauthenticated, Some(401), 16, "unauthenticated", Advice::None),
        (Outcome::Forbidden, Some(403), 7, "forbidden", Advice::None),
        (Outcome::NotFound, Some(404), 5, "not_found", Advice::None),
        (Outcome::UpstreamFailed, Some(502), 14, "upstream_failed", Advice::Local),
        (Outcome::ClientLeft, Some(499), 1, "client_left", Advice::None),
    ];
    assert_eq!(design.len(), Outcome::ALL.len());
    for ((outcome, status, grpc, word, advice), listed) in design.into_iter().zip(Outcome::ALL) {
        assert_eq!(outcome, listed, "order of the list");
        let row = outcome.row();
        assert_eq!((row.status, row.grpc, row.word, row.advice), (status, grpc, word, advice));
    }
}

#[test]
fn words_are_read_back_and_strangers_are_not() {
    for outcome in Outcome::ALL {
        assert_eq!(outcome.word().parse(), Ok(outcome));
        assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.word(), "one word everywhere");
        assert_eq!(serde_json::to_value(outcome.row().advice).unwrap(), outcome.row().advice.word());
    }
    assert!("Served".parse::<Outcome>().is_err());
    assert!("".parse::<Outcome>().is_err());
}

#[test]
fn no_problem_is_longer_than_a_refusal_may_be() {
    for outcome in Outcome::ALL {
        let body = Problem::new(outcome, u64::MAX).to_json();
        assert!(body.len() <= problem::BYTES_MAX, "{outcome}: {} bytes", body.len());
    }
}

#[test]
fn a_problem_names_outcome_advice_and_wait() {
    let body: serde_json::Value =
        serde_json::from_str(&Problem::new(Outcome::QueueFull, 18).to_json()).unwrap();
    let want = serde_json::json!({
        "error": "queue_full",
        "outcome": "queue_full",
        "advice": "elsewhere",
        "estimatedWaitMilliseconds": 18,
    });
    assert_eq!(body, want);
}

#[test]
fn a_status_of_the_model_server_means_what_its_http_status_would() {
    let served = [0];
    let rejected = [3, 5, 6, 7, 8, 9, 10, 11, 16];
    let failed = [1, 2, 12, 13, 14, 15, 17, 255];
    assert!(served.map(Outcome::of_grpc).iter().all(|outcome| *outcome == Outcome::Served));
    assert!(rejected.map(Outcome::of_grpc).iter().all(|outcome| *outcome == Outcome::Rejected));
    assert_eq!(Outcome::of_grpc(4), Outcome::Expired);
    assert!(failed.map(Outcome::of_grpc).iter().all(|outcome| *outcome == Outcome::UpstreamFailed));
}
