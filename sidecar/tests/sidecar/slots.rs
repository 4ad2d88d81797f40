//! A slot is the server's time, not the radio's; and bodies stream without being held.

use std::{
    io::{BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;

use crate::{
    harness::{HEAD, PATIENCE, Sidecar, eventually},
    server::{ANSWER, Door, Server, answer},
};

#[test]
fn slow_uploads_take_no_slot() {
    let server = Server::start();
    let sidecar = Sidecar::with(&server, |config| config["admission"]["maxConcurrency"] = 1.into());
    let mut slow: Vec<_> = (0..3).map(|_| sidecar.client()).collect();
    for client in &mut slow {
        client.send(format!("{HEAD}Content-Length: 4\r\n\r\nha"));
    }
    eventually("the uploads", || sidecar.log().matches("upload began").count() == 3);
    assert_eq!(sidecar.gauge("requests_running"), 0);
    assert_eq!(sidecar.infer("", "quick").outcome(), "served");
    for client in &mut slow {
        client.send("lf");
        assert_eq!(client.reply().outcome(), "served");
    }
}

#[test]
fn a_long_body_streams_and_is_not_held() {
    const BODY_BYTES: usize = 48 << 20;
    let (server, door) = (Server::start(), Door::default());
    let taken = Arc::new(AtomicUsize::new(0));
    let (at_door, counting) = (door.clone(), Arc::clone(&taken));
    server.head_script(move |reader: &mut BufReader<TcpStream>| {
        at_door.wait();
        let mut piece = vec![0; 64 << 10];
        while counting.load(Ordering::Relaxed) < BODY_BYTES {
            let read = reader.read(&mut piece).unwrap();
            assert!(read > 0, "the body ended early");
            counting.fetch_add(read, Ordering::Relaxed);
        }
        answer(reader.get_mut(), "200 OK", ANSWER);
    });
    let sidecar = Sidecar::with(&server, |config| {
        config["admission"]["maxPayloadBytes"] = (BODY_BYTES as u64).into();
        config["limits"] = json!({"uploadBufferBytes": 1 << 20});
    });
    let mut client = sidecar.client();
    client.send(format!("{HEAD}Content-Length: {BODY_BYTES}\r\n\r\n"));
    let mut sending = client.stream.try_clone().unwrap();
    sending.set_write_timeout(Some(PATIENCE)).unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&sent);
    let sender = std::thread::spawn(move || {
        let piece = vec![b'x'; 64 << 10];
        while counting.load(Ordering::Relaxed) < BODY_BYTES {
            sending.write_all(&piece).unwrap();
            counting.fetch_add(piece.len(), Ordering::Relaxed);
        }
    });
    door.wait_for(1);
    // The server reads nothing: what was sent stands in socket buffers and in the sidecar, and does not grow.
    let mut last = usize::MAX;
    eventually("the sender to stand still", || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let now = sent.load(Ordering::Relaxed);
        std::mem::replace(&mut last, now) == now
    });
    assert!(last < 40 << 20, "{last} bytes are on their way");
    assert!(resident_bytes(&sidecar) < 24 << 20, "{} bytes resident", resident_bytes(&sidecar));
    door.open(1);
    sender.join().unwrap();
    assert_eq!(client.reply().outcome(), "served");
    assert_eq!(taken.load(Ordering::Relaxed), BODY_BYTES);
}

fn resident_bytes(sidecar: &Sidecar) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{}/statm", sidecar.process.id())).unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn a_hung_server_costs_a_slot_for_one_deadline() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |seen, stream| {
        if seen.body == b"hang" {
            at_door.wait();
        }
        answer(stream, "200 OK", ANSWER);
    });
    let sidecar = Sidecar::with(&server, |config| config["admission"]["maxConcurrency"] = 1.into());
    sidecar.infer("longshore-deadline-ms: 1000\r\n", "hang").refused(504, "expired");
    eventually("the slot", || sidecar.gauge("requests_running") == 0);
    assert_eq!(sidecar.infer("", "{}").outcome(), "served");
    door.open(1);
}
