//! What a device may send: classes share first, then the devices of each.

use std::{net::Ipv4Addr, time::Duration};

use crate::{
    harness::{Client, Sidecar},
    server::{ANSWER, Server, answer},
};

/// What a device is told that asks from an address of its own.
fn credits(sidecar: &Sidecar, device: u8, class: &str) -> u64 {
    let question =
        format!(r#"{{"model":{{"name":"m"}},"deadlineMilliseconds":2000,"device":{{"class":"{class}"}}}}"#);
    let length = question.len();
    let asking = format!(
        "POST /v1alpha1/routes:resolve HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{question}"
    );
    let reply = Client::from(Ipv4Addr::new(127, 96, 0, device), sidecar.address).ask(&asking);
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["credits"]["requests"].as_u64().unwrap()
}

#[test]
fn a_class_of_many_devices_leaves_one_of_few_its_part() {
    let server = Server::start();
    // Not much faster than devices, so that what it can do is not more than anyone is ever told.
    server.script(|_, stream| {
        std::thread::sleep(Duration::from_millis(20));
        answer(stream, "200 OK", ANSWER);
    });
    let sidecar = Sidecar::start(&server);
    sidecar.infer("", "{}");
    let alone = credits(&sidecar, 1, "camera");
    for device in 2..=9 {
        credits(&sidecar, device, "camera");
    }
    let of_nine = credits(&sidecar, 1, "camera");
    assert!(of_nine <= alone / 8, "{of_nine} of {alone}");
    let glasses = credits(&sidecar, 10, "ar-glasses");
    let of_nine = credits(&sidecar, 1, "camera");
    assert!(glasses >= 4 * of_nine.max(1), "{glasses} beside {of_nine}");
    let another = credits(&sidecar, 10, "camera");
    assert!(another <= alone / 8, "{another}: it came again as another");
}
