//! The first endpoint by a DNS SRV name and by multicast DNS.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::device::{DEADLINE, ask, check, until_answered_by, window};
use crate::dns::{self, Server, Zone, port};
use crate::site::Site;
use crate::support::{Door, Endpoint, Gauge, MODEL, Script, folder};
use longshore_device::core::outcome::Ending;
use longshore_device::{Builder, Device, TlsFiles};

const NAME: &str = "_longshore._tcp.site.example";

/// A device that knows a name and whom to ask for it.
fn knowing(server: &Server, name: &str) -> Builder {
    Device::builder(MODEL).edge_srv(name.parse().unwrap()).dns_server(server.address)
}

fn records(endpoints: &[&Endpoint]) -> Zone {
    Zone::Records(endpoints.iter().map(|endpoint| (0, 0, port(endpoint))).collect())
}

#[tokio::test]
async fn a_name_leads_to_the_edge() {
    let edge = Endpoint::start("oak", Script::Good);
    let server = Server::start(records(&[&edge]));
    check(&ask(knowing(&server, NAME)).await, Some("oak"), "no_local_model");
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_fetched_over_tcp() {
    let edge = Endpoint::start("oak", Script::Good);
    let server = Server::start(Zone::Long(vec![(0, 0, port(&edge))]));
    check(&ask(knowing(&server, NAME)).await, Some("oak"), "no_local_model");
}

#[tokio::test]
async fn a_name_that_comes_later_is_found_in_the_background() {
    for zone in [Zone::NoName, Zone::Silent, Zone::Noise, Zone::Records(Vec::new())] {
        let edge = Endpoint::start("oak", Script::Good);
        let server = Server::start(zone);
        let device = knowing(&server, NAME).build().await.unwrap();
        let answer = device.infer(window(), Duration::from_millis(200)).await;
        assert_eq!((answer.ending, answer.reason.word()), (Ending::Failed, "policy_unknown"), "{answer:?}");
        server.turn(records(&[&edge]));
        until_answered_by("oak", &device).await;
    }
}

#[tokio::test]
async fn a_device_with_a_model_answers_whatever_dns_does() {
    let server = Server::start(Zone::Silent);
    check(&ask(knowing(&server, NAME).local_model(Gauge::new())).await, Some("device"), "policy_unknown");
}

#[tokio::test]
async fn the_next_priority_is_used_when_all_of_the_one_before_are_down() {
    let [first, second] = ["oak", "elm"].map(|name| Endpoint::start(name, Script::Good));
    let server = Server::start(Zone::Records(vec![(20, 9, port(&second)), (10, 1, port(&first))]));
    let device = knowing(&server, NAME).build().await.unwrap();
    for _ in 0..10 {
        check(&device.infer(window(), DEADLINE).await, Some("oak"), "no_local_model");
    }
    assert_eq!(device.endpoints(), ["oak"]);
    first.turn(Script::Dropping);
    until_answered_by("elm", &device).await;
    first.turn(Script::Good);
    until_answered_by("oak", &device).await;
}

#[tokio::test]
async fn a_first_priority_that_was_never_there_gives_way_too() {
    let edge = Endpoint::start("elm", Script::Good);
    let server = Server::start(Zone::Records(vec![(10, 0, 9), (20, 0, port(&edge))]));
    let device = knowing(&server, NAME).build().await.unwrap();
    until_answered_by("elm", &device).await;
}

#[tokio::test]
async fn a_hundred_records_lead_to_no_more_nodes_than_a_device_keeps() {
    let edge = Endpoint::start("oak", Script::Good);
    let mut records: Vec<_> = (0..100).map(|index| (9, 0, 20_000 + index)).collect();
    records.push((1, 0, port(&edge)));
    let server = Server::start(Zone::Long(records.clone()));
    let device = knowing(&server, NAME).build().await.unwrap();
    check(&device.infer(window(), DEADLINE).await, Some("oak"), "no_local_model");
    assert_eq!(device.endpoints(), ["oak"]);
    records.pop();
    server.turn(Zone::Long(records));
    let device = knowing(&server, NAME).build().await.unwrap();
    assert_eq!(device.endpoints().len(), 16);
}

#[tokio::test]
async fn a_name_of_nodes_inside_tls_leads_to_no_others() {
    let (site, folder) = (Site::new("site"), folder("a_name_of_nodes"));
    let shown = site.endpoint(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("localhost".try_into().unwrap())];
    });
    let door = Door { tls: Some(site.server(&shown)), ..Door::default() };
    let oak = Endpoint::behind(door, "oak", Script::Good);
    let ash = Endpoint::start("ash", Script::Good);
    let server = Server::start(records(&[&oak, &ash]));
    let encrypted = "_longshores._tcp.site.example";
    let untold = knowing(&server, encrypted).build().await.err().unwrap().to_string();
    assert!(untold.contains(encrypted) && untold.contains("authorities"), "{untold}");
    let files = TlsFiles { authorities: site.authority_file(&folder), identity: None, token: None };
    let device = knowing(&server, encrypted).tls(files.clone()).build().await.unwrap();
    check(&device.infer(window(), DEADLINE).await, Some("oak"), "no_local_model");
    // A name in the clear beside an address inside TLS.
    let given = oak.url.replace("127.0.0.1", "localhost").parse().unwrap();
    server.turn(records(&[&ash]));
    let device = knowing(&server, NAME).edge(given).tls(files).build().await.unwrap();
    check(&device.infer(window(), DEADLINE).await, Some("oak"), "no_local_model");
    assert_eq!((device.endpoints(), ash.inferences.load(Ordering::SeqCst)), (vec!["oak".to_owned()], 0));
}

#[tokio::test]
async fn the_command_takes_a_name() {
    let edge = Endpoint::start("oak", Script::Seeing);
    let server = Server::start(records(&[&edge]));
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/person-detect/frames/astronaut.jpg");
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore-device"));
    command.args(["infer", "--model", MODEL, "--input", picture, "--deadline-ms", "10000"]);
    command.args(["--edge-srv", NAME, "--dns-server", &server.address.to_string()]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(r#""outcome":"answered","place":"edge","endpoint":"oak""#), "{output:?}");
}

#[tokio::test]
async fn the_network_tells_where_the_edge_is() {
    let (site, folder) = (Site::new("site"), folder("the_network_tells"));
    let ash = Endpoint::start("ash", Script::Good);
    let door = Door { tls: Some(site.server(&site.endpoint(|_| {}))), ..Door::default() };
    let oak = Endpoint::behind(door, "oak", Script::Good);
    dns::announce(&[("_longshore._tcp.local", &ash), ("_longshores._tcp.local", &oak)]);
    let device = Device::builder(MODEL).edge_mdns(Some("lo")).build().await.unwrap();
    until_answered_by("ash", &device).await;
    let files = TlsFiles { authorities: site.authority_file(&folder), identity: None, token: None };
    let device = Device::builder(MODEL).edge_mdns(Some("lo")).tls(files).build().await.unwrap();
    until_answered_by("oak", &device).await;
    assert!(!device.endpoints().contains(&"ash".to_owned()));
}

#[tokio::test]
async fn what_was_not_found_is_told() {
    let server = Server::start(Zone::NoName);
    let answer = ask(knowing(&server, NAME)).await;
    assert!(answer.detail.as_ref().is_some_and(|detail| detail.contains(NAME)), "{answer:?}");
}

#[test]
fn a_name_of_another_form_is_refused() {
    for name in [
        "site.example",
        "_longshore._udp.site.example",
        "_longshore._tcp.",
        "_longshore._tcp.a..b",
        "_longshores._tcp.ä",
    ] {
        let error = name.parse::<longshore_device::SrvName>().unwrap_err().to_string();
        assert!(error.contains("_longshores._tcp.DOMAIN"), "{error}");
    }
    assert_eq!(
        format!("{}", "_Longshore._TCP.Site.example.".parse::<longshore_device::SrvName>().unwrap()),
        NAME
    );
}
