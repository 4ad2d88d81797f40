//! What one device may have, beside another that does not notice.

use serde_json::json;

use crate::{
    auth::{CAMERA, mutual_with, showing},
    harness::{eventually, infer},
    server::{ANSWER, Door, Server, answer},
    site::SITE,
};

const OTHER: &str = "spiffe://site-a/device/camera-2";

#[test]
fn requests_in_flight_have_a_number_for_each_device() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |seen, stream| {
        if seen.header("x-slow").is_some() {
            at_door.wait();
        }
        answer(stream, "200 OK", ANSWER);
    });
    let sidecar = mutual_with(&server, |config| {
        config["quota"] = json!({"inFlightPerDevice": 1, "serverMillisecondsPerSecond": 1_000_000});
    });
    let (one, other) = (SITE.device(&[CAMERA]), SITE.device(&[OTHER]));
    let mut slow = showing(&sidecar, &one).client();
    slow.send(infer("X-Slow: 1\r\n", "{}"));
    door.wait_for(1);
    let reply = showing(&sidecar, &one).infer("");
    reply.refused(429, "quota_exceeded");
    assert_eq!((reply.header("retry-after"), reply.header("longshore-advice")), (Some("1"), Some("later")));
    assert_eq!(showing(&sidecar, &other).infer("").outcome(), "served");
    assert_eq!(sidecar.count("quota_exceeded"), 1);
    door.open(1);
    assert_eq!(slow.reply().outcome(), "served");
    eventually("the place", || showing(&sidecar, &one).infer("").outcome() == "served");
}

#[test]
fn the_servers_time_has_a_share_for_each_device() {
    let server = Server::start();
    let sidecar = mutual_with(&server, |config| {
        config["quota"] = json!({"inFlightPerDevice": 4, "serverMillisecondsPerSecond": 1});
    });
    let (one, other) = (SITE.device(&[CAMERA]), SITE.device(&[OTHER]));
    let mut greedy = showing(&sidecar, &one).client();
    eventually("the end of the share", || {
        let reply = greedy.ask(&infer("", "{}"));
        let waits = reply.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
        reply.outcome() == "quota_exceeded" && waits.is_some_and(|seconds| seconds >= 1)
    });
    assert_eq!(showing(&sidecar, &other).infer("").outcome(), "served");
}
