//! Who may ask: certificates and tokens, good, bad and bound to each other.

use std::{fs, path::Path, sync::Arc, time::Duration};

use rcgen::date_time_ymd;
use rustls::{AlertDescription, ClientConfig, pki_types::UnixTime, time_provider::TimeProvider};
use serde_json::{Value, json};

use crate::{
    harness::{Client, HEAD, Over, Reply, Sidecar, eventually, infer},
    http2::{block_on, request},
    server::Server,
    site::{Identity, SITE, Site, altered, device},
    tls::http2,
    tokens::{AUDIENCE, ISSUER, Issuer, RS256, now},
};

pub const CAMERA: &str = "spiffe://site-a/device/camera-1";

/// Who asks, and what for.
pub struct Caller<'a> {
    sidecar: &'a Sidecar,
    config: ClientConfig,
}

impl Caller<'_> {
    pub fn client(&self) -> Client {
        Client::tls(self.sidecar.address, self.config.clone())
    }

    pub fn infer(&self, headers: &str) -> Reply {
        self.client().ask(&infer(headers, "{}"))
    }

    fn with_token(&self, token: &str) -> Reply {
        self.infer(&format!("Authorization: Bearer {token}\r\n"))
    }
}

pub fn showing<'a>(sidecar: &'a Sidecar, identity: &Identity) -> Caller<'a> {
    Caller { sidecar, config: SITE.client_showing(identity) }
}

fn nobody(sidecar: &Sidecar) -> Caller<'_> {
    Caller { sidecar, config: SITE.client() }
}

fn with_authority(config: &mut Value, file: &Path) {
    config["tls"]["clientCaFile"] = json!(file);
}

fn mutual(server: &Server) -> Sidecar {
    mutual_with(server, |_| {})
}

pub fn mutual_with(server: &Server, change: impl FnOnce(&mut Value)) -> Sidecar {
    Sidecar::over(Over::Tls, server, |config| {
        let folder = Path::new(config["drainSocket"].as_str().unwrap()).parent().unwrap().to_owned();
        with_authority(config, &SITE.authority_file(&folder));
        config["auth"] = "MutualTls".into();
        change(config);
    })
}

fn tokens(server: &Server, issuer: &Issuer) -> Sidecar {
    tokens_with(server, issuer, |_| {})
}

fn tokens_with(server: &Server, issuer: &Issuer, change: impl FnOnce(&mut Value)) -> Sidecar {
    Sidecar::over(Over::Tls, server, |config| {
        let folder = Path::new(config["drainSocket"].as_str().unwrap()).parent().unwrap().to_owned();
        with_authority(config, &SITE.authority_file(&folder));
        let keys = folder.join("jwks.json");
        fs::write(&keys, issuer.key_set().to_string()).unwrap();
        config["auth"] = json!({"Jwt": {"issuer": ISSUER, "audiences": [AUDIENCE, "another"],
            "algorithms": ["ES256", "RS256", "EdDSA"], "jwksFile": keys}});
        change(config);
    })
}

#[track_caller]
fn unauthenticated(reply: &Reply, challenge: &str) {
    reply.refused(401, "unauthenticated");
    assert_eq!(reply.header("www-authenticate"), Some(challenge));
}

#[test]
fn a_certificate_with_one_spiffe_id_is_let_in() {
    let server = Server::start();
    let sidecar = mutual(&server);
    assert_eq!(showing(&sidecar, &SITE.device(&[CAMERA])).infer("").outcome(), "served");
    unauthenticated(&nobody(&sidecar).infer(""), "ClientCertificate");
    // The common name says camera-1 in all of them.
    for uris in [
        &[][..],
        &["https://site-a/device/camera-1"],
        &[CAMERA, "spiffe://site-a/device/camera-2"],
        &["spiffe://site-a"],
        &["spiffe://site-a/"],
        &["spiffe:///device"],
        &["spiffe://Site-A/device"],
        &["spiffe://site-a/device/../root"],
        &["spiffe://site-a/device%2f1"],
    ] {
        showing(&sidecar, &SITE.device(uris)).infer("").refused(403, "forbidden");
    }
    assert_eq!(server.inferences().len(), 1);
}

#[test]
fn a_certificate_that_does_not_verify_ends_the_handshake() {
    let server = Server::start();
    let sidecar = mutual(&server);
    let past = SITE.sign(&altered(device(&[CAMERA]), |params| params.not_after = date_time_ymd(2020, 1, 1)));
    let future =
        SITE.sign(&altered(device(&[CAMERA]), |params| params.not_before = date_time_ymd(3000, 1, 1)));
    let cases = [
        (Site::new("site").device(&[CAMERA]), None),
        (past, Some(AlertDescription::CertificateExpired)),
        (future, None),
        (SITE.server(), None),
    ];
    for (identity, alert) in cases {
        let mut client = showing(&sidecar, &identity).client();
        client.send("GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n");
        let error = client.read_to_end(&mut Vec::new()).unwrap_err().downcast::<rustls::Error>();
        let Ok(rustls::Error::AlertReceived(got)) = error else { panic!("{error:?}") };
        assert!(alert.is_none_or(|want| want == got), "{got:?}");
    }
    assert_eq!(server.inferences().len(), 0);
}

#[test]
fn a_connection_is_worth_no_more_than_its_certificate() {
    let server = Server::start();
    let sidecar = mutual(&server);
    let soon = date_time_ymd(1970, 1, 1) + Duration::from_secs(now() + 3);
    let identity = SITE.sign(&altered(device(&[CAMERA]), |params| params.not_after = soon));
    let mut client = showing(&sidecar, &identity).client();
    assert_eq!(client.ask(&infer("", "{}")).outcome(), "served");
    eventually("the end of the certificate", || client.ask(&infer("", "{}")).outcome() == "unauthenticated");
}

#[test]
fn authorities_are_read_again_when_they_change() {
    let server = Server::start();
    let sidecar = mutual(&server);
    let other = Site::new("other");
    let theirs = other.device(&[CAMERA]);
    let enters = |identity: &Identity| {
        let mut client = showing(&sidecar, identity).client();
        client.send(infer("", "{}"));
        client.is_heard()
    };
    assert!(!enters(&theirs) && enters(&SITE.device(&[CAMERA])));
    other.authority_file(&sidecar.folder.0);
    eventually("the other authority", || enters(&theirs));
    assert!(!enters(&SITE.device(&[CAMERA])));
}

#[test]
fn nothing_is_told_to_a_stranger_and_no_body_is_awaited() {
    let server = Server::start();
    let issuer = Issuer::new();
    for sidecar in [mutual(&server), tokens(&server, &issuer)] {
        let stranger = nobody(&sidecar);
        for path in
            ["/v2", "/v2/health/ready", "/v2/models/m/ready", "/v1alpha1/load", "/v1alpha1/policy", "/what"]
        {
            let reply = stranger.client().ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
            reply.refused(401, "unauthenticated");
        }
        let reply = stranger.client().ask(&format!("{HEAD}Content-Length: 100000\r\n\r\n"));
        reply.refused(401, "unauthenticated");
        assert_eq!(reply.header("connection"), Some("close"));
        assert_eq!(sidecar.count("unauthenticated"), 7);
        block_on(async {
            let (mut sender, _connection) = http2(&sidecar).await;
            let response = sender.send_request(request("GET", "/v1alpha1/load", "")).await.unwrap();
            assert_eq!(response.status(), 401);
            for method in [
                "/inference.GRPCInferenceService/ModelInfer",
                "/grpc.health.v1.Health/Check",
                "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics",
                "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                "/what/Ever",
            ] {
                let mut call = request("POST", method, "\0\0\0\0\0");
                call.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
                let response = sender.send_request(call).await.unwrap();
                assert_eq!(response.headers()["grpc-status"], "16", "{method}");
            }
        });
    }
}

#[test]
fn good_tokens_are_let_in_and_go_no_further() {
    let server = Server::start();
    let issuer = Issuer::new();
    let sidecar = tokens(&server, &issuer);
    let caller = nobody(&sidecar);
    let good = issuer.claims();
    let tokens = [
        ("ES256", issuer.es256(&good)),
        ("EdDSA", issuer.eddsa(&good)),
        ("RS256", RS256.to_owned()),
        ("no key's id", issuer.sign("ES256", &json!({"alg": "ES256"}), &good)),
        ("one of several audiences", issuer.es256(&with(&good, "aud", json!(["x", AUDIENCE])))),
        ("a clock that is a little ahead", issuer.es256(&with(&good, "nbf", json!(now() + 10)))),
        ("a clock that is a little behind", issuer.es256(&with(&good, "exp", json!(now() - 10)))),
        ("parts of seconds", issuer.es256(&with(&good, "exp", json!(now() as f64 + 60.5)))),
    ];
    for (what, token) in &tokens {
        assert_eq!(caller.with_token(token).outcome(), "served", "{what}");
    }
    let lower = caller.infer(&format!("authorization: bearer {}\r\n", issuer.es256(&good)));
    assert_eq!(lower.outcome(), "served", "a scheme has no case");
    assert!(server.inferences().iter().all(|seen| seen.header("authorization").is_none()));
    assert_eq!(server.inferences().len(), tokens.len() + 1);
}

#[test]
fn each_rule_of_a_token_holds() {
    let server = Server::start();
    let (issuer, stranger) = (Issuer::new(), Issuer::new());
    let sidecar = tokens(&server, &issuer);
    let caller = nobody(&sidecar);
    let good = issuer.claims();
    let token = issuer.es256(&good);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let altered = issuer.es256(&with(&good, "sub", json!("another")));
    let altered = altered.rsplit_once('.').unwrap().0;
    let header = |alg: &str| json!({"alg": alg, "kid": "es"});
    let tokens = [
        ("no token", "x".to_owned()),
        ("no signature", format!("{head}.")),
        ("half a signature", format!("{head}.{}", &signature[..40])),
        ("another's signature", format!("{altered}.{signature}")),
        ("no algorithm", issuer.sign("", &json!({"alg": "none"}), &good)),
        ("a secret that everybody knows", issuer.sign("HS256", &header("HS256"), &good)),
        ("an algorithm of another key", issuer.sign("ES256", &header("EdDSA"), &good)),
        ("an algorithm nobody configured", issuer.sign("ES256", &header("ES384"), &good)),
        ("a key nobody knows", issuer.sign("ES256", &json!({"alg": "ES256", "kid": "x"}), &good)),
        ("another issuer's key", stranger.es256(&good)),
        (
            "critical words",
            issuer.sign("ES256", &json!({"alg": "ES256", "kid": "es", "crit": ["b64"]}), &good),
        ),
        ("another issuer", issuer.es256(&with(&good, "iss", json!("https://elsewhere")))),
        ("another audience", issuer.es256(&with(&good, "aud", json!("x")))),
        ("no audience", issuer.es256(&with(&good, "aud", json!([])))),
        ("expired", issuer.es256(&with(&good, "exp", json!(now() - 60)))),
        ("for ever", issuer.es256(&with(&good, "exp", Value::Null))),
        ("not yet", issuer.es256(&with(&good, "nbf", json!(now() + 60)))),
    ];
    for (what, token) in tokens {
        let reply = caller.with_token(&token);
        assert_eq!(reply.status, 401, "{what}: {reply:?}");
        unauthenticated(&reply, "Bearer error=\"invalid_token\"");
    }
    unauthenticated(&caller.infer(""), "Bearer");
    unauthenticated(&caller.infer("Authorization: Basic eDp5\r\n"), "Bearer");
    let twice = format!("Authorization: Bearer {token}\r\n").repeat(2);
    unauthenticated(&caller.infer(&twice), "Bearer error=\"invalid_token\"");
    caller.with_token(&issuer.es256(&with(&good, "sub", Value::Null))).refused(403, "forbidden");
    assert_eq!(server.inferences().len(), 0);
}

#[test]
fn only_configured_algorithms_count() {
    let server = Server::start();
    let issuer = Issuer::new();
    let sidecar =
        tokens_with(&server, &issuer, |config| config["auth"]["Jwt"]["algorithms"] = json!(["EdDSA"]));
    let caller = nobody(&sidecar);
    assert_eq!(caller.with_token(&issuer.eddsa(&issuer.claims())).outcome(), "served");
    assert_eq!(caller.with_token(&issuer.es256(&issuer.claims())).status, 401);
    assert_eq!(caller.with_token(RS256).status, 401);
}

#[test]
fn a_bound_token_needs_its_certificate() {
    let server = Server::start();
    let issuer = Issuer::new();
    let sidecar = tokens(&server, &issuer);
    // A certificate needs no name here: the token has it.
    let (own, other) = (SITE.device(&[]), SITE.device(&[CAMERA]));
    let bound = |cnf: Value| issuer.es256(&with(&issuer.claims(), "cnf", cnf));
    let token = bound(json!({"x5t#S256": own.thumbprint()}));
    assert_eq!(showing(&sidecar, &own).with_token(&token).outcome(), "served");
    for thief in [nobody(&sidecar), showing(&sidecar, &other)] {
        unauthenticated(&thief.with_token(&token), "Bearer error=\"invalid_token\"");
    }
    let unknown = bound(json!({"jkt": own.thumbprint()}));
    assert_eq!(showing(&sidecar, &own).with_token(&unknown).status, 401, "another way of proof");
    let free = issuer.es256(&issuer.claims());
    assert_eq!(showing(&sidecar, &other).with_token(&free).outcome(), "served");
}

#[test]
fn keys_are_read_again_when_they_change() {
    let server = Server::start();
    let (first, second) = (Issuer::new(), Issuer::new());
    let sidecar = tokens(&server, &first);
    let caller = nobody(&sidecar);
    let enters = |issuer: &Issuer| caller.with_token(&issuer.es256(&issuer.claims())).status == 200;
    assert!(enters(&first) && !enters(&second));
    sidecar.folder.file("jwks.json", second.key_set().to_string());
    eventually("the second key", || enters(&second));
    assert!(!enters(&first));
    sidecar.folder.file("jwks.json", json!({"keys": [{"kty": "oct", "k": "AAAA"}]}).to_string());
    eventually("an error with the name of the file", || {
        assert!(enters(&second), "what was read before stays");
        sidecar.log().lines().any(|line| line.contains("ERROR") && line.contains("jwks.json"))
    });
}

/// A clock that a client is told to believe.
#[derive(Debug)]
struct Told(u64);

impl TimeProvider for Told {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
    }
}

/// The sidecar's clock is far behind its own certificate, as that of a board that booted in 1970.
#[test]
fn no_token_is_judged_by_a_clock_before_the_own_certificate() {
    const YEAR_3000: u64 = 32_503_680_000;
    const HOUR: u64 = 3_600;
    let server = Server::start();
    let issuer = Issuer::new();
    let begins = date_time_ymd(3000, 1, 1);
    let sidecar = tokens_with(&server, &issuer, |config| {
        let folder = Path::new(config["drainSocket"].as_str().unwrap()).parent().unwrap().to_owned();
        SITE.sign(&altered(SITE.server_params(), |params| params.not_before = begins)).files(&folder);
    });
    let own = SITE.sign(&altered(device(&[CAMERA]), |params| params.not_before = begins));
    let mut config = SITE.client_at(Arc::new(Told(YEAR_3000 + HOUR)), &own);
    config.alpn_protocols.clear();
    let caller = Caller { sidecar: &sidecar, config };
    let until = |at: u64| issuer.es256(&with(&issuer.claims(), "exp", json!(at)));
    assert_eq!(
        caller.with_token(&until(now() + HOUR)).status,
        401,
        "it expired before the certificate began"
    );
    assert_eq!(caller.with_token(&until(YEAR_3000 + HOUR)).outcome(), "served");
    let from = with(&with(&issuer.claims(), "exp", json!(YEAR_3000 + HOUR)), "nbf", json!(YEAR_3000));
    assert_eq!(caller.with_token(&issuer.es256(&from)).outcome(), "served");
}

/// The operator says when the policy was issued, by a clock that is right.
#[test]
fn no_token_is_judged_by_a_clock_before_the_policy_was_issued() {
    const YEAR_3000: u64 = 32_503_680_000;
    let server = Server::start();
    let issuer = Issuer::new();
    let policy = |issued: u64| {
        json!({"revision": "1-a", "issuedAtUnixSeconds": issued, "model": {"name": "m"}, "policy": {},
            "deadlines": {"defaultMilliseconds": 1, "maxMilliseconds": 1}, "maxPayloadBytes": 1})
    };
    let sidecar = tokens_with(&server, &issuer, |config| {
        let folder = Path::new(config["drainSocket"].as_str().unwrap()).parent().unwrap().to_owned();
        config["policyFile"] = json!(folder.join("policy.json"));
    });
    let caller = Caller { sidecar: &sidecar, config: SITE.client() };
    let until = |at: u64| issuer.es256(&with(&issuer.claims(), "exp", json!(at)));
    let token = until(now() + 3_600);
    assert_eq!(caller.with_token(&token).outcome(), "served");
    sidecar.folder.file("policy.json", policy(YEAR_3000).to_string());
    eventually("its end", || caller.with_token(&token).status == 401);
    assert_eq!(caller.with_token(&until(YEAR_3000 + 3_600)).outcome(), "served");
}

fn with(claims: &Value, key: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(key)),
        value => claims[key] = value,
    }
    claims
}
