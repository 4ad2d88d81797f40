//! [`Device::infer`] against endpoints inside TLS: whom it believes, what it shows, and what it says when that fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longshore_device::{BuildError, Builder, Device, TlsFiles};
use tokio::time::sleep;

use crate::device::{DEADLINE, ask, check, knowing, until_answered_by, window};
use crate::site::Site;
use crate::support::{Door, Endpoint, Gauge, MODEL, Script, folder, offload_only};

/// An endpoint with a certificate of the site, behind a door of that kind.
fn endpoint(site: &Site, name: &'static str, door: Door) -> Endpoint {
    let tls = Some(site.server(&site.endpoint(|_| {})));
    Endpoint::behind(Door { tls, ..door }, name, Script::Good)
}

fn believing(site: &Site, folder: &Path) -> TlsFiles {
    TlsFiles { authorities: site.authority_file(folder), identity: None, token: None }
}

fn token(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("token");
    fs::write(&file, format!("{text}\n")).unwrap();
    file
}

/// A device that has the model itself, and whose owner wants the edge.
fn capable(edge: &Endpoint, files: TlsFiles) -> Builder {
    offload_only(&mut edge.bundle.lock().unwrap().policy);
    knowing(&[edge]).tls(files).local_model(Gauge::new())
}

#[tokio::test]
async fn an_endpoint_of_the_site_answers() {
    let (site, folder) = (Site::new("site"), folder("an_endpoint_of_the_site"));
    let edge = endpoint(&site, "oak", Door::default());
    let device = knowing(&[&edge]).tls(believing(&site, &folder)).build().await.unwrap();
    for _ in 0..20 {
        check(&device.infer(window(), DEADLINE).await, Some("oak"), "no_local_model");
    }
    let connections = edge.connections.load(Ordering::SeqCst);
    assert!(connections <= 3, "{connections} connections for 20 requests");
}

#[tokio::test]
async fn an_endpoint_of_another_site_is_sent_nothing_until_that_site_is_believed() {
    let (site, folder) = (Site::new("site"), folder("another_site"));
    let edge = endpoint(&site, "oak", Door::default());
    let files = believing(&Site::new("other"), &folder);
    let device = capable(&edge, files).build().await.unwrap();
    let answer = device.infer(window(), DEADLINE).await;
    check(&answer, Some("device"), "policy_unknown");
    assert!(answer.detail.as_ref().is_some_and(|detail| detail.contains("UnknownIssuer")), "{answer:?}");
    assert_eq!(edge.inferences.load(Ordering::SeqCst), 0);
    site.authority_file(&folder);
    until_answered_by("oak", &device).await;
}

#[tokio::test]
async fn a_device_that_knows_its_policy_says_that_the_connection_failed() {
    let (site, folder) = (Site::new("site"), folder("knows_its_policy"));
    let edge = endpoint(&site, "oak", Door::default());
    let policy = folder.join("policy.json");
    capable(&edge, believing(&site, &folder)).policy_file(&policy).build().await.unwrap();
    let files = believing(&Site::new("other"), &folder);
    let device = capable(&edge, files).policy_file(&policy).build().await.unwrap();
    for reason in ["edge_failed", "endpoints_unreachable"] {
        check(&device.infer(window(), DEADLINE).await, Some("device"), reason);
    }
}

#[tokio::test]
async fn a_certificate_for_another_address_is_not_believed() {
    let (site, folder) = (Site::new("site"), folder("another_address"));
    let elsewhere = site.endpoint(|params| {
        params.subject_alt_names = vec![rcgen::SanType::IpAddress([192, 0, 2, 1].into())];
    });
    let door = Door { tls: Some(site.server(&elsewhere)), ..Door::default() };
    let edge = Endpoint::behind(door, "oak", Script::Good);
    let answer = ask(capable(&edge, believing(&site, &folder))).await;
    check(&answer, Some("device"), "policy_unknown");
    assert!(answer.detail.as_ref().is_some_and(|detail| detail.contains("not valid for")), "{answer:?}");
}

#[tokio::test]
async fn a_device_shows_its_certificate() {
    let (site, folder) = (Site::new("site"), folder("shows_its_certificate"));
    let door = Door { certificate: true, ..Door::default() };
    let edge = endpoint(&site, "oak", door);
    let nobody = believing(&site, &folder);
    check(&ask(capable(&edge, nobody.clone())).await, Some("device"), "unauthenticated");
    let answer = ask(knowing(&[&edge]).tls(nobody.clone())).await;
    check(&answer, None, "unauthenticated");
    assert!(answer.detail.is_some_and(|detail| detail.contains("refused: unauthenticated")));
    let identity = Some(site.device().files(&folder));
    check(&ask(knowing(&[&edge]).tls(TlsFiles { identity, ..nobody })).await, Some("oak"), "no_local_model");
}

#[tokio::test]
async fn a_token_that_expired_is_told_and_the_next_one_is_taken_from_the_file() {
    let (site, folder) = (Site::new("site"), folder("a_token"));
    let accepted = Arc::new(Mutex::new("first"));
    let edge = endpoint(&site, "oak", Door { token: Some(accepted.clone()), ..Door::default() });
    let files = TlsFiles { token: Some(token(&folder, "first")), ..believing(&site, &folder) };
    let device = capable(&edge, files).build().await.unwrap();
    check(&device.infer(window(), DEADLINE).await, Some("oak"), "mode_offload_only");
    *accepted.lock().unwrap() = "second";
    check(&device.infer(window(), DEADLINE).await, Some("device"), "unauthenticated");
    token(&folder, "second");
    until_answered_by("oak", &device).await;
}

#[tokio::test]
async fn a_certificate_is_shown_anew_when_its_file_changes() {
    let (site, folder) = (Site::new("site"), folder("shown_anew"));
    let edge = endpoint(&site, "oak", Door { certificate: true, ..Door::default() });
    let identity = Some(site.device().files(&folder));
    let device = capable(&edge, TlsFiles { identity, ..believing(&site, &folder) }).build().await.unwrap();
    check(&device.infer(window(), DEADLINE).await, Some("oak"), "mode_offload_only");
    let next = site.device();
    next.files(&folder);
    for _ in 0..200 {
        check(&device.infer(window(), DEADLINE).await, Some("oak"), "mode_offload_only");
        if edge.shown.lock().unwrap().as_ref() == Some(&next.certificate) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the kept connection, with the old certificate, was used on and on");
}

#[tokio::test]
async fn a_token_never_travels_in_the_clear() {
    let (site, folder) = (Site::new("site"), folder("in_the_clear"));
    let edge = Endpoint::start("oak", Script::Good);
    let files = TlsFiles { token: Some(token(&folder, "secret")), ..believing(&site, &folder) };
    check(&ask(knowing(&[&edge]).tls(files)).await, Some("oak"), "no_local_model");
    assert_eq!(edge.tokens.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_policy_leads_to_nodes_inside_tls_and_to_none_in_the_clear() {
    let (site, folder) = (Site::new("site"), folder("leads_to_nodes"));
    let [oak, elm] = ["oak", "elm"].map(|name| endpoint(&site, name, Door::default()));
    let ash = Endpoint::start("ash", Script::Good);
    oak.bundle.lock().unwrap().endpoints = vec![oak.node(), elm.node(), ash.node()];
    let device = knowing(&[&oak]).tls(believing(&site, &folder)).build().await.unwrap();
    let mut names = device.endpoints();
    names.sort();
    assert_eq!(names, ["elm", "oak"]);
    oak.turn(Script::Dropping);
    until_answered_by("elm", &device).await;
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_at_the_start() {
    let (site, folder) = (Site::new("site"), folder("cannot_be_used"));
    let good = believing(&site, &folder);
    let builder = || Device::builder(MODEL).edge("https://127.0.0.1:9".parse().unwrap());
    let error = |built: Result<Device, BuildError>| built.err().unwrap().to_string();
    assert!(error(builder().build().await).contains("https://127.0.0.1:9"));
    let (certificate, _) = site.device().files(&folder);
    let cases = [
        (TlsFiles { authorities: folder.join("missing"), ..good.clone() }, "missing"),
        (TlsFiles { authorities: token(&folder, "x"), ..good.clone() }, "no certificate in it"),
        (TlsFiles { token: Some(token(&folder, " ")), ..good.clone() }, "one token"),
        (TlsFiles { identity: Some((certificate.clone(), certificate)), ..good }, "tls.crt"),
    ];
    for (files, words) in cases {
        let said = error(builder().tls(files).build().await);
        assert!(said.contains(words), "{said}");
    }
}
