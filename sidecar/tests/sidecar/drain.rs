//! Leaving: announced, then refused, then over.

use std::{io::Read, os::unix::net::UnixStream};

use crate::{
    harness::{Sidecar, binary, eventually, infer},
    server::{ANSWER, Door, Server, answer},
};

#[test]
fn sigterm_serves_quietly_then_refuses_then_finishes_then_exits_with_0() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |seen, stream| {
        if seen.body == b"long" {
            at_door.wait();
        }
        answer(stream, "200 OK", ANSWER);
    });
    let mut sidecar = Sidecar::with(&server, |config| config["drain"]["quietMilliseconds"] = 4000.into());
    let (mut long, mut idle) = (sidecar.client(), sidecar.client());
    assert_eq!(idle.ask(&infer("", "{}")).outcome(), "served");
    long.send(infer("", "long"));
    door.wait_for(1);

    sidecar.terminate();
    eventually("unreadiness", || sidecar.admin("/readyz").status == 503);
    let quiet = idle.ask(&infer("", "{}"));
    assert_eq!(quiet.outcome(), "served", "quiet: still serving");
    assert_eq!(
        quiet.header("connection"),
        Some("close"),
        "quiet: another connection may lead to another pod"
    );
    assert!(idle.is_closed());
    let mut idle = sidecar.client();
    assert_eq!(sidecar.get("/v1alpha1/load").json()["named_metrics"]["draining"], 1.0);
    assert_eq!(sidecar.admin("/servingz").status, 200);

    eventually("refusing", || sidecar.infer("", "{}").outcome() == "draining");
    let refused = idle.ask(&infer("", "{}"));
    refused.refused(503, "draining");
    assert_eq!(refused.header("connection"), Some("close"));
    assert!(idle.is_closed());
    assert_eq!(sidecar.admin("/servingz").status, 200, "refusals are answers");

    door.open(1);
    assert_eq!(long.reply().outcome(), "served", "what runs is finished");
    assert_eq!(sidecar.exit_code(), Some(0));
}

#[test]
fn the_command_returns_when_drained_and_the_process_stays() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |seen, stream| {
        if seen.body == b"long" {
            at_door.wait();
        }
        answer(stream, "200 OK", ANSWER);
    });
    let mut sidecar = Sidecar::start(&server);
    let mut long = sidecar.client();
    long.send(infer("", "long"));
    door.wait_for(1);

    let admin = sidecar.admin;
    let asked = "GET /drained HTTP/1.1\r\nHost: a\r\n\r\n";
    let drained = std::thread::spawn(move || crate::harness::Client::to(admin).ask(asked).status);
    let socket = sidecar.folder.0.join("drain.sock");
    let mut command = binary().arg("drain").arg("--socket").arg(&socket).spawn().unwrap();
    eventually("refusing", || sidecar.infer("", "{}").outcome() == "draining");
    assert!(command.try_wait().unwrap().is_none() && !drained.is_finished(), "one is still running");

    door.open(1);
    assert_eq!(long.reply().outcome(), "served");
    assert!(command.wait().unwrap().success());
    assert_eq!(drained.join().unwrap(), 200);
    assert_eq!(sidecar.admin("/servingz").status, 503);
    assert!(sidecar.process.try_wait().unwrap().is_none(), "a restart would follow an exit");
    sidecar.terminate();
    assert_eq!(sidecar.exit_code(), Some(0));
}

#[test]
fn work_that_does_not_end_does_not_keep_the_process() {
    let (server, door) = (Server::start(), Door::default());
    let at_door = door.clone();
    server.script(move |_, _| at_door.wait());
    let mut sidecar = Sidecar::with(&server, |config| config["drain"]["deadlineMilliseconds"] = 100.into());
    let mut long = sidecar.client();
    long.send(infer("", "long"));
    door.wait_for(1);
    sidecar.terminate();
    assert_eq!(sidecar.exit_code(), Some(0));
    door.open(1);
}

#[test]
fn a_second_signal_is_obeyed_at_once() {
    let server = Server::start();
    let mut sidecar =
        Sidecar::with(&server, |config| config["drain"]["quietMilliseconds"] = 3_600_000.into());
    sidecar.terminate();
    eventually("unreadiness", || sidecar.admin("/readyz").status == 503);
    sidecar.terminate();
    assert_eq!(sidecar.exit_code(), Some(0));
}

#[test]
fn a_command_to_nobody_fails() {
    let status = binary().args(["drain", "--socket", "/nonexistent/drain.sock"]).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn connecting_is_the_command() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let mut text = String::new();
    UnixStream::connect(sidecar.folder.0.join("drain.sock")).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "drained\n");
    sidecar.infer("", "{}").refused(503, "draining");
}
