//! Who goes first when requests wait.

use std::net::Ipv4Addr;

use crate::{
    harness::{Client, Sidecar, eventually, infer},
    server::{Door, Server},
};

/// A server with one slot, behind a door.
fn one_slot(queue: u64) -> (Server, Sidecar, Door) {
    let (server, door) = Server::behind_door();
    let sidecar = Sidecar::with(&server, |config| {
        config["admission"]["maxConcurrency"] = 1.into();
        config["admission"]["maxQueueDepth"] = queue.into();
    });
    (server, sidecar, door)
}

fn bodies(server: &Server) -> Vec<String> {
    server.inferences().iter().map(|seen| String::from_utf8_lossy(&seen.body).into_owned()).collect()
}

#[test]
fn the_more_urgent_goes_first() {
    let (server, sidecar, door) = one_slot(4);
    let mut clients: Vec<_> = ["", "", "longshore-priority: 5\r\n", "longshore-priority: 1\r\n", ""]
        .into_iter()
        .enumerate()
        .map(|(index, headers)| {
            let mut client = sidecar.client();
            client.send(infer(headers, &index.to_string()));
            match index {
                0 => door.wait_for(1),
                _ => eventually("its place", || sidecar.gauge("requests_queued") == index as u64),
            }
            client
        })
        .collect();
    door.open(5);
    for client in &mut clients {
        assert_eq!(client.reply().outcome(), "served");
    }
    assert_eq!(bodies(&server), ["0", "3", "1", "4", "2"]);
}

#[test]
fn a_priority_is_a_number_from_one_to_five() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    for word in ["0", "6", "-1", "high", "3, 3", ""] {
        sidecar.infer(&format!("longshore-priority: {word}\r\n"), "{}").refused(400, "malformed");
    }
    for word in ["1", "5"] {
        assert_eq!(sidecar.infer(&format!("longshore-priority: {word}\r\n"), "{}").outcome(), "served");
    }
}

#[test]
fn a_full_queue_makes_room_for_a_device_that_has_nothing_in_it() {
    let (server, sidecar, door) = one_slot(2);
    let from = |last, body: &str| {
        let mut client = Client::from(Ipv4Addr::new(127, 0, 0, last), sidecar.address);
        client.send(infer("", body));
        client
    };
    let mut greedy = vec![from(2, "0")];
    door.wait_for(1);
    for body in ["1", "2"] {
        greedy.push(from(2, body));
        eventually("its place", || sidecar.gauge("requests_queued") == greedy.len() as u64 - 1);
    }
    from(2, "3").reply().refused(429, "queue_full");
    let mut modest = from(3, "modest");
    greedy.pop().unwrap().reply().refused(429, "queue_full");
    door.open(3);
    for client in greedy.iter_mut().chain([&mut modest]) {
        assert_eq!(client.reply().outcome(), "served");
    }
    assert_eq!(bodies(&server).len(), 3);
}
