//! The same endpoint inside TLS: versions, protocols, certificates that change, handshakes that do not end.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::symlink,
    path::Path,
    sync::Arc,
};

use rustls::{AlertDescription, HandshakeKind, ProtocolVersion, pki_types::CertificateDer, version};
use serde_json::json;
use tokio::{net::TcpStream, task::JoinHandle};
use tokio_rustls::TlsConnector;

use crate::{
    harness::{Client, Over, Sidecar, binary, eventually, infer},
    http2::{Sender, block_on, request, sender},
    server::{ANSWER, Server},
    site::{Identity, SITE, host},
};

fn over_tls(server: &Server) -> Sidecar {
    Sidecar::over(Over::Tls, server, |_| {})
}

fn speaking(sidecar: &Sidecar, protocols: &[&str]) -> Client {
    let mut config = SITE.client();
    config.alpn_protocols = protocols.iter().map(|one| one.as_bytes().to_vec()).collect();
    Client::tls(sidecar.address, config)
}

/// HTTP/2 as a handshake agreed on it, without a certificate of the client.
pub async fn http2(sidecar: &Sidecar) -> (Sender, JoinHandle<()>) {
    let mut config = SITE.client();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(sidecar.address).await.unwrap();
    sender(TlsConnector::from(Arc::new(config)).connect(host(), tcp).await.unwrap(), 65_535).await
}

/// The certificate that a new connection is shown.
fn shown(sidecar: &Sidecar) -> CertificateDer<'static> {
    sidecar.client().session().unwrap().peer_certificates().unwrap()[0].clone()
}

#[test]
fn the_newest_version_is_spoken_and_the_one_before_where_it_is_allowed() {
    let server = Server::start();
    let sidecar = over_tls(&server);
    let mut client = sidecar.client();
    assert_eq!(client.session().unwrap().protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(client.ask(&infer("", "{}")).outcome(), "served");
    let old = || SITE.client_with(&[&version::TLS12]);
    let refused = Client::tls(sidecar.address, old()).session().unwrap_err();
    assert_eq!(refused, rustls::Error::AlertReceived(AlertDescription::ProtocolVersion));

    let lenient = Sidecar::over(Over::Tls, &server, |config| config["tls"]["minimumVersion"] = "1.2".into());
    let mut client = Client::tls(lenient.address, old());
    assert_eq!(client.session().unwrap().protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(client.ask(&infer("", "{}")).outcome(), "served");
    assert_eq!(lenient.client().session().unwrap().protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[test]
fn the_handshake_chooses_the_protocol() {
    let server = Server::start();
    let sidecar = over_tls(&server);
    for protocols in [&[][..], &["http/1.1"], &["http/1.1", "h2-14"]] {
        assert_eq!(speaking(&sidecar, protocols).ask(&infer("", "{}")).outcome(), "served", "{protocols:?}");
    }
    let stranger = speaking(&sidecar, &["spdy/3"]).session().unwrap_err();
    assert_eq!(stranger, rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol));
    // The other protocol's words are no request in the one that was agreed on.
    let mut confused = speaking(&sidecar, &["http/1.1"]);
    confused.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").refused(400, "malformed");
    assert!(confused.is_closed());
    let mut confused = speaking(&sidecar, &["h2"]);
    confused.send("GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut rest = Vec::new();
    let _ = confused.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP/1"), "{}", String::from_utf8_lossy(&rest));
}

#[test]
fn http2_is_served() {
    let server = Server::start();
    let sidecar = over_tls(&server);
    block_on(async {
        let (mut sender, _connection) = http2(&sidecar).await;
        let response = sender.send_request(request("POST", "/v2/models/m/infer", "{}")).await.unwrap();
        assert_eq!(response.headers()["longshore-outcome"], "served");
    });
    assert!(sidecar.admin("/metrics").text().contains("{outcome=\"served\",protocol=\"http2\"} 1"));
}

#[test]
fn no_session_is_resumed_and_nothing_is_taken_before_its_handshake() {
    let server = Server::start();
    for versions in [&[&version::TLS13], &[&version::TLS12]] {
        let sidecar =
            Sidecar::over(Over::Tls, &server, |config| config["tls"]["minimumVersion"] = "1.2".into());
        let mut config = SITE.client_with(versions);
        config.enable_early_data = true;
        for _ in 0..2 {
            let mut client = Client::tls(sidecar.address, config.clone());
            assert_eq!(client.ask(&infer("", "{}")).outcome(), "served");
            assert_eq!(client.session().unwrap().handshake_kind(), Some(HandshakeKind::Full));
        }
    }
}

#[test]
fn an_end_is_told_from_a_cut() {
    let server = Server::start();
    let sidecar = over_tls(&server);
    let mut client = sidecar.client();
    assert_eq!(client.ask(&infer("Connection: close\r\n", "{}")).text(), ANSWER);
    assert!(client.is_ended());

    server.script(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let mut client = sidecar.client();
    let reply = client.ask(&infer("", "{}"));
    assert!(reply.cut && !client.is_ended(), "{reply:?}");
}

#[test]
fn a_handshake_that_does_not_end_is_closed() {
    let server = Server::start();
    let sidecar = Sidecar::over(Over::Tls, &server, |config| {
        config["limits"] = json!({"tlsHandshakeMilliseconds": 50});
    });
    // Nothing, the beginning of a record, and words that are no TLS.
    for start in [&b""[..], &[22, 3, 1, 2, 0, 1], b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut stream = Client::to(sidecar.address).stream;
        stream.write_all(start).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    eventually("no connection", || sidecar.gauge("connections") == 0);
}

#[test]
fn a_handshake_takes_the_place_of_a_connection_and_makes_room() {
    let server = Server::start();
    let sidecar = Sidecar::over(Over::Tls, &server, |config| {
        config["limits"] = json!({"connections": 1, "tlsHandshakeMilliseconds": 60_000});
    });
    let mut silent = Client::to(sidecar.address);
    eventually("the handshake", || sidecar.gauge("connections") == 1);
    assert_eq!(sidecar.infer("", "{}").status, 200);
    assert!(silent.is_closed());
}

#[test]
fn certificates_are_read_again_when_they_change() {
    let server = Server::start();
    let folder = crate::harness::Folder::new();
    let publish = |identity: &Identity, name: &str| {
        let version = folder.0.join(name);
        fs::create_dir(&version).unwrap();
        identity.files(&version);
        swap(&folder.0, &version);
    };
    let (first, second, third) = (SITE.server(), SITE.server(), SITE.server());
    publish(&first, "first");
    let data = folder.0.join("..data");
    let sidecar = Sidecar::over(Over::Tls, &server, |config| {
        config["tls"] = json!({"certificateFile": data.join("tls.crt"), "keyFile": data.join("tls.key")});
    });
    assert_eq!(shown(&sidecar), first.certificate);
    let mut kept = sidecar.client();
    assert_eq!(kept.ask(&infer("", "{}")).outcome(), "served");

    publish(&second, "second");
    eventually("the second certificate", || shown(&sidecar) == second.certificate);

    let broken = folder.0.join("broken");
    fs::create_dir(&broken).unwrap();
    third.files(&broken);
    fs::write(broken.join("tls.key"), "no key").unwrap();
    swap(&folder.0, &broken);
    let told = || sidecar.log().lines().any(|line| line.contains("ERROR") && line.contains("tls.key"));
    eventually("an error with the name of the file", || {
        assert_eq!(shown(&sidecar), second.certificate);
        told()
    });

    publish(&third, "third");
    eventually("the third certificate", || shown(&sidecar) == third.certificate);
    assert_eq!(kept.ask(&infer("", "{}")).outcome(), "served", "a connection outlives its certificate");
}

/// As the kubelet does it: everything changes at once.
fn swap(folder: &Path, version: &Path) {
    symlink(version, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

#[test]
fn files_that_cannot_be_used_are_78_and_named() {
    let folder = crate::harness::Folder::new();
    let mut tls = SITE.server().files(&folder.0);
    let other = folder.file("other.key", rcgen::KeyPair::generate().unwrap().serialize_pem());
    let cases = [
        ("certificateFile", folder.0.join("missing.crt"), "missing.crt"),
        ("certificateFile", folder.file("empty.crt", ""), "empty.crt"),
        ("keyFile", folder.0.join("missing.key"), "missing.key"),
        ("keyFile", folder.file("broken.key", "no key"), "broken.key"),
        ("keyFile", other, "tls.crt"),
    ];
    for (key, path, name) in cases {
        let right = tls[key].take();
        tls[key] = json!(path);
        let config = json!({"listen": "127.0.0.1:0", "upstream": {"http": "http://127.0.0.1:1"},
            "model": {"name": "m"}, "tls": tls});
        let file = folder.file("config.yaml", config.to_string());
        let output = binary().arg("--config").arg(file).output().unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{name}: {log}");
        assert!(log.contains(name) && log.contains("tls: "), "{name}: {log}");
        tls[key] = right;
    }
}
