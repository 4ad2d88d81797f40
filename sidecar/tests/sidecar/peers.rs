//! Sidecars that know each other, and the routes that devices get from them.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU8, Ordering},
};

use serde_json::{Value, json};

use crate::{
    harness::{Client, Over, Reply, Sidecar, eventually, infer},
    server::{ANSWER, Server, answer},
    site::{Identity, SITE},
};

/// Addresses of this machine that nobody else has, known before anybody listens there.
fn addresses(count: usize) -> Vec<SocketAddr> {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let address = || Ipv4Addr::new(127, 100 + high % 100, low, NEXT.fetch_add(1, Ordering::Relaxed));
    (0..count).map(|_| SocketAddr::from((address(), 8080))).collect()
}

/// A sidecar at an address, that may know these.
fn at(
    address: SocketAddr,
    server: &Server,
    known: &[SocketAddr],
    change: impl FnOnce(&mut Value),
) -> Sidecar {
    Sidecar::with(server, |config| {
        config["listen"] = address.to_string().into();
        config["advertise"] = json!({"endpointId": name(address), "url": format!("http://{address}")});
        config["peers"] = json!({"addresses": known});
        change(config);
    })
}

/// Names of endpoints here are their addresses.
fn name(address: SocketAddr) -> String {
    address.ip().to_string()
}

const QUESTION: &str = r#"{"model":{"name":"m"}}"#;

fn ask(sidecar: &Sidecar, question: &str) -> Reply {
    sidecar.client().ask(&asking(question))
}

fn asking(question: &str) -> String {
    format!(
        "POST /v1alpha1/routes:resolve HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{question}",
        question.len()
    )
}

/// The endpoints of an answer, in order. Each question comes from an address of its own: one party may not ask so often.
fn routes(sidecar: &Sidecar, question: &str) -> Vec<String> {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let source = Ipv4Addr::new(127, 99, NEXT.fetch_add(1, Ordering::Relaxed), 1);
    let reply = Client::from(source, sidecar.address).ask(&asking(question));
    if reply.status != 200 {
        return Vec::new();
    }
    let endpoints = &reply.json()["applicationEndpoints"];
    let id = |endpoint: &Value| endpoint["endpointId"].as_str().unwrap().to_owned();
    endpoints.as_array().unwrap().iter().map(id).collect()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn names(addresses: &[SocketAddr]) -> Vec<String> {
    sorted(addresses.iter().copied().map(name).collect())
}

#[test]
fn each_leads_to_all_and_one_that_is_gone_comes_last() {
    let all = addresses(3);
    let server = Server::start();
    let mut sidecars: Vec<Sidecar> = all.iter().map(|address| at(*address, &server, &all, |_| {})).collect();
    for sidecar in &sidecars {
        eventually("all to be known", || sorted(routes(sidecar, QUESTION)) == names(&all));
        eventually("two peers", || sidecar.gauge("peers") == 2);
    }
    drop(sidecars.pop());
    for sidecar in &sidecars {
        eventually("it to come last", || routes(sidecar, QUESTION).pop() == Some(name(all[2])));
    }
    drop(sidecars.pop());
    let last = &sidecars[0];
    eventually("no peer", || last.gauge("peers") == 0);
    assert_eq!(sorted(routes(last, QUESTION)), names(&all), "the last table that was known");
    assert_eq!(routes(last, QUESTION)[0], name(all[0]));
    // One that comes back is heard again.
    let _back = at(all[1], &server, &all, |_| {});
    eventually("one peer", || last.gauge("peers") == 1);
}

#[test]
fn a_busy_endpoint_comes_after_an_idle_one_and_one_that_leaves_after_both() {
    let all = addresses(3);
    let (idle, (slow, door)) = (Server::start(), Server::behind_door());
    let admission = |config: &mut Value| config["admission"]["maxConcurrency"] = 1.into();
    let asked = at(all[0], &idle, &all, |_| {});
    let busy = at(all[1], &slow, &all, admission);
    let leaving = at(all[2], &idle, &all, |config| config["drain"]["quietMilliseconds"] = 25_000.into());
    eventually("all to be known", || routes(&asked, QUESTION).len() == 3);
    // Slow once, so that it is known what it takes, then with others in line.
    let mut first = busy.client();
    first.send(infer("", "{}"));
    eventually("one inside", || busy.gauge("requests_running") == 1);
    std::thread::sleep(std::time::Duration::from_millis(50));
    door.open(1);
    assert_eq!(first.reply().status, 200);
    let mut waiting: Vec<Client> = (0..4).map(|_| busy.client()).collect();
    waiting.iter_mut().for_each(|client| client.send(infer("", "{}")));
    eventually("three in line", || busy.gauge("requests_queued") == 3);
    leaving.terminate();
    let order = names_in_order(&[all[0], all[1], all[2]]);
    eventually("the order", || routes(&asked, QUESTION) == order);
    door.open(16);
}

fn names_in_order(addresses: &[SocketAddr]) -> Vec<String> {
    addresses.iter().copied().map(name).collect()
}

#[test]
fn what_one_does_not_hear_itself_it_hears_from_a_peer() {
    let all = addresses(3);
    let server = Server::start();
    // Each knows only the one behind it.
    let first = at(all[0], &server, &all[1..2], |_| {});
    let _middle = at(all[1], &server, &all[2..], |_| {});
    let last = at(all[2], &server, &[], |_| {});
    eventually("all to be known", || sorted(routes(&first, QUESTION)) == names(&all));
    assert_eq!(routes(&last, QUESTION), [name(all[2])], "nobody is told what it does not ask");
    drop(last);
    eventually("the last to be silent", || routes(&first, QUESTION).pop() == Some(name(all[2])));
}

#[test]
fn a_sidecar_of_another_model_is_not_heard() {
    let all = addresses(2);
    let server = Server::start();
    let sidecar = at(all[0], &server, &all, |_| {});
    let other = at(all[1], &server, &all, |config| config["model"]["name"] = "other".into());
    for sidecar in [&sidecar, &other] {
        eventually("a refusal", || sidecar.log().contains("it serves"));
    }
    assert_eq!(routes(&sidecar, QUESTION), [name(all[0])]);
}

#[test]
fn the_names_addresses_are_looked_up() {
    let server = Server::start();
    let named = Sidecar::with(&server, |config| config["advertise"]["endpointId"] = "named".into());
    let name = format!("localhost:{}", named.address.port());
    let sidecar = Sidecar::with(&server, |config| config["peers"] = json!({"dns": name}));
    eventually("the named one", || sorted(routes(&sidecar, QUESTION)) == ["edge-3", "named"]);
}

/// One certificate for all sidecars of a model, as a Secret holds it.
fn sharing<'a>(identity: &'a Identity, auth: &'a Value) -> impl Fn(&mut Value) + 'a {
    move |config| {
        let folder = std::path::PathBuf::from(config["drainSocket"].as_str().unwrap());
        config["tls"] = identity.files(folder.parent().unwrap());
        if *auth == "MutualTls" {
            config["tls"]["clientCaFile"] = json!(SITE.authority_file(folder.parent().unwrap()));
        }
        config["auth"] = auth.clone();
    }
}

fn get(address: SocketAddr, client: rustls::ClientConfig, path: &str) -> Reply {
    Client::tls(address, client).ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
}

#[test]
fn over_tls_they_know_each_other_by_their_key_and_tell_nobody_else() {
    for auth in [json!("None"), json!("MutualTls")] {
        let all = addresses(2);
        let server = Server::start();
        let shared = SITE.server();
        let secure = sharing(&shared, &auth);
        let sidecar = at(all[0], &server, &all, &secure);
        let _other = at(all[1], &server, &all, &secure);
        eventually("the peer", || sidecar.gauge("peers") == 1);
        // A sibling learns where the others are, and may do nothing else.
        let kin = || SITE.client_showing(&shared);
        let table = get(all[0], kin(), "/v1alpha1/routes").json();
        assert_eq!(table["pods"].as_array().unwrap().len(), 2, "{table}");
        get(all[0], kin(), "/v2").refused_by(403, "forbidden");
        Client::tls(all[0], kin()).ask(&infer("", "{}")).refused_by(403, "forbidden");
        Client::tls(all[0], kin()).ask(&asking(QUESTION)).refused_by(403, "forbidden");
        // A device may ask for routes and not for the table.
        let device = SITE.device(&["spiffe://site/camera"]);
        let device = || SITE.client_showing(&device);
        get(all[0], device(), "/v1alpha1/routes").refused_by(403, "forbidden");
        let reply = Client::tls(all[0], device()).ask(&asking(QUESTION));
        assert_eq!(reply.json()["applicationEndpoints"].as_array().unwrap().len(), 2);
        if auth == "None" {
            // Nobody vouches for what it shows, and nothing rests on it.
            let stranger = crate::site::Site::new("elsewhere").device(&["spiffe://site/camera"]);
            let reply = Client::tls(all[0], SITE.client_showing(&stranger)).ask(&infer("", "{}"));
            assert_eq!(reply.outcome(), "served");
        }
    }
}

#[test]
fn a_sidecar_with_another_key_is_not_heard_and_hears_nothing() {
    let all = addresses(2);
    let server = Server::start();
    let none = json!("None");
    let (shared, strange) = (SITE.server(), SITE.server());
    let sidecar = at(all[0], &server, &all, sharing(&shared, &none));
    let stranger = at(all[1], &server, &all, sharing(&strange, &none));
    for sidecar in [&sidecar, &stranger] {
        eventually("a refusal", || sidecar.log().contains("not that of this model's sidecars"));
    }
    assert_eq!(sidecar.gauge("peers") + stranger.gauge("peers"), 0);
}

#[test]
fn after_a_renewal_they_still_know_each_other() {
    let all = addresses(2);
    let server = Server::start();
    let none = json!("None");
    let (before, after) = (SITE.server(), SITE.server());
    let sidecar = at(all[0], &server, &all, sharing(&before, &none));
    let other = at(all[1], &server, &all, sharing(&before, &none));
    eventually("the peer", || sidecar.gauge("peers") == 1);
    // One has the new files, and the other has not yet: the one takes the old key still, and the other gets the new one.
    after.files(&sidecar.folder.0);
    after.files(&other.folder.0);
    let shows_new = |sidecar: &Sidecar| {
        let mut client = Client::tls(sidecar.address, SITE.client());
        client.session().unwrap().peer_certificates().unwrap()[0] == after.certificate
    };
    eventually("the new certificate", || shows_new(&sidecar) && shows_new(&other));
    drop(other);
    eventually("no peer", || sidecar.gauge("peers") == 0);
    let _other = at(all[1], &server, &all, sharing(&after, &none));
    eventually("the peer again", || sidecar.gauge("peers") == 1);
}

impl Reply {
    /// A refusal, of whatever endpoint.
    #[track_caller]
    fn refused_by(&self, status: u16, outcome: &str) {
        assert_eq!((self.status, self.outcome()), (status, outcome), "{self:?}");
    }
}

#[test]
fn an_answer_has_all_that_a_device_needs() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    sidecar.infer("", "{}");
    let reply = ask(&sidecar, QUESTION).json();
    let route = &reply["applicationEndpoints"][0];
    assert_eq!(route["endpointId"], "edge-3");
    assert_eq!(route["url"], "http://192.0.2.13:30080");
    assert_eq!(route["edgeCloudZone"], "site-a");
    assert_eq!(route["modelDigest"], format!("sha256:{}", "0a".repeat(32)));
    for figure in ["estimatedWaitMilliseconds", "serviceTimeP50Milliseconds", "serviceTimeP95Milliseconds"] {
        assert!(route[figure].as_f64().unwrap() >= 0.0, "{figure}");
    }
    assert!(route["loadAgeMilliseconds"].is_u64());
    let ttl = reply["ttlMilliseconds"].as_u64().unwrap();
    assert!((12_000..=18_000).contains(&ttl), "{ttl}");
    assert_eq!(reply["credits"]["perMilliseconds"], 1000);
    assert!(reply["credits"]["requests"].as_u64().unwrap() >= 1);
}

#[test]
fn a_question_that_is_none_is_told_what_is_wrong() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let many: Vec<String> = (0..65).map(|number| number.to_string()).collect();
    let many = json!({"model": {"name": "m"}, "exclude": many}).to_string();
    for (question, fault) in [
        ("", "EOF"),
        ("{}", "missing field `model`"),
        (r#"{"model":{"name":"m"},"payloadBytes":-1}"#, "invalid value: integer `-1`"),
        (r#"{"model":{"name":"m"},"observed":[{"rttMilliseconds":1}]}"#, "missing field `endpointId`"),
        (&many, "exclude: at most 64"),
    ] {
        let reply = Client::from(Ipv4Addr::new(127, 98, 0, fault.len() as u8), sidecar.address)
            .ask(&asking(question));
        assert_eq!((reply.status, reply.outcome()), (400, "rejected"), "{question}");
        let error = reply.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(fault), "{error}");
        assert!(reply.body.len() <= 200);
    }
    ask(&sidecar, r#"{"model":{"name":"other"}}"#).refused(404, "not_found");
    ask(&sidecar, &" ".repeat(17_000)).refused(413, "payload_too_large");
    let get = sidecar.get("/v1alpha1/routes:resolve");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
}

#[test]
fn where_nothing_would_be_in_time_or_may_leave_the_device_it_is_told_to_stay() {
    let server = Server::start();
    server.script(|_, stream| {
        std::thread::sleep(std::time::Duration::from_millis(60));
        answer(stream, "200 OK", ANSWER);
    });
    let sidecar = Sidecar::start(&server);
    sidecar.infer("", "{}");
    for question in [
        r#"{"model":{"name":"m"},"deadlineMilliseconds":20}"#,
        r#"{"model":{"name":"m"},"dataClass":"Restricted"}"#,
    ] {
        let reply = ask(&sidecar, question);
        assert_eq!((reply.status, reply.header("longshore-advice")), (204, Some("local")), "{question}");
        assert!(reply.body.is_empty());
    }
    assert_eq!(ask(&sidecar, QUESTION).status, 200);
    let nobody = ask(&sidecar, r#"{"model":{"name":"m"},"exclude":["edge-3"]}"#);
    nobody.refused(503, "model_not_ready");
}

#[test]
fn whoever_asks_too_often_is_told_when_to_ask_again() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let replies: Vec<Reply> = (0..20).map(|_| ask(&sidecar, QUESTION)).collect();
    assert!(replies.iter().take(8).all(|reply| reply.status == 200));
    let refused = replies.last().unwrap();
    refused.refused(429, "quota_exceeded");
    assert!((1..=2).contains(&refused.header("retry-after").unwrap().parse::<u32>().unwrap()));
    let other = Client::from(Ipv4Addr::new(127, 97, 0, 1), sidecar.address).ask(&asking(QUESTION));
    assert_eq!(other.status, 200, "another is not refused for it");
    let page = sidecar.admin("/metrics").text();
    assert!(page.contains("longshore_sidecar_routes_total{answer=\"routes\"} 9"), "{page}");
}

#[test]
fn routes_over_tls_are_for_those_who_may_ask() {
    let server = Server::start();
    let sidecar = Sidecar::over(Over::Tls, &server, |config| {
        let folder = config["drainSocket"].as_str().unwrap().to_owned();
        let folder = std::path::PathBuf::from(folder);
        config["tls"]["clientCaFile"] = json!(SITE.authority_file(folder.parent().unwrap()));
        config["auth"] = "MutualTls".into();
    });
    ask(&sidecar, QUESTION).refused(401, "unauthenticated");
}
