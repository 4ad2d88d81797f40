//! Tokens, keys and certificates: nothing is believed but what was signed, letter by letter.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair};
use rustls::pki_types::CertificateDer;
use wire::config::{self, Algorithm};

use crate::auth::{jwt::Jwt, keys::Keys, peer::Peer};

const NOW: Duration = Duration::from_secs(1_800_000_000);
const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "1e999",
    "\"kty\":",
    "\"OKP\"",
    "\"RSA\"",
    "\"EC\"",
    "\"crv\":\"P-256\"",
    "\"crv\":\"Ed25519\"",
    "\"x\":",
    "\"y\":",
    "\"n\":\"AQAB\"",
    "\"e\":\"AQAB\"",
    "\"kid\":",
    "\"alg\":",
    "\"use\":\"enc\"",
    "\"keys\":",
    "AAAA",
    "====",
];

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any 32 bytes are a seed")
}

fn key_set() -> String {
    let x = URL_SAFE_NO_PAD.encode(key().public_key());
    format!("{{\"keys\":[{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"one\",\"x\":\"{x}\"}}]}}")
}

/// A token with these claims behind issuer, audience and end.
fn token(header: &str, claims: &str) -> String {
    let claims = format!("{{\"iss\":\"i\",\"aud\":[\"a\",\"b\"],\"exp\":{}{claims}}}", NOW.as_secs() + 60);
    let signed = [header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = URL_SAFE_NO_PAD.encode(key().sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[test]
fn fuzzed_tokens() {
    let file = std::env::temp_dir().join(format!("longshore-fuzzed-{}.json", std::process::id()));
    std::fs::write(&file, key_set()).unwrap();
    let jwt = Jwt::load(config::Jwt {
        issuer: "i".into(),
        audiences: vec!["b".into()],
        algorithms: vec![Algorithm::EdDSA, Algorithm::ES256],
        jwks_file: file.to_string_lossy().into(),
    });
    let jwt = jwt.unwrap();
    std::fs::remove_file(&file).unwrap();
    let good = token("{\"alg\":\"EdDSA\"}", ",\"sub\":\"device\",\"nbf\":1.5");
    let tokens = [
        good.clone(),
        token("{\"alg\":\"EdDSA\",\"kid\":\"one\"}", ",\"cnf\":{\"x5t#S256\":\"x\"},\"sub\":\"device\""),
        token("{\"alg\":\"none\"}", ",\"sub\":\"device\""),
        token("{\"alg\":\"EdDSA\",\"crit\":[]}", ",\"sub\":\"device\""),
        token("{\"alg\":\"EdDSA\"}", ""),
    ];
    let examples: Vec<&[u8]> = tokens.iter().map(String::as_bytes).collect();
    let (none, parts) = (URL_SAFE_NO_PAD.encode("{\"alg\":\"none\"}"), good.split('.').collect::<Vec<_>>());
    let words = [".", "..", "=", "+", "/", "A", "e30", &none, parts[0], parts[1], parts[2]];
    let mut believed = 0;
    let believed = std::cell::RefCell::new(&mut believed);
    fuzz::run(&examples, &words, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let device = jwt.device(&text, None, NOW);
        if device.is_ok() {
            assert_eq!(text, good, "one token has one spelling");
            **believed.borrow_mut() += 1;
        }
        device
    });
    assert!(**believed.borrow() > 0, "the good one is believed");
}

#[test]
fn fuzzed_keys() {
    let set = key_set();
    let rsa = r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","alg":"RS256","use":"sig"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#;
    fuzz::run(&[set.as_bytes(), rsa.as_bytes()], JSON, |text| {
        let keys = Keys::parse(text).map_err(|fault| {
            fault.chars().filter(|char| !char.is_ascii_digit()).take(10).collect::<String>()
        });
        // What no key made is not signed, whatever is in the keys.
        for algorithm in [Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256] {
            assert!(!keys.as_ref().is_ok_and(|keys| keys.signed(None, algorithm, b"message", &[0; 64])));
        }
        keys.map(|_| ())
    });
}

#[test]
fn fuzzed_certificates() {
    let named = |uri: &str| {
        let mut params = rcgen::CertificateParams::new(vec!["a.example".into()]).unwrap();
        params.subject_alt_names.push(rcgen::SanType::URI(uri.try_into().unwrap()));
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    };
    let [one, two] = ["spiffe://site.example/device/1", "https://a.example/"].map(named);
    fuzz::run(&[&one, &two], &["spiffe://", "/", "//", "/../", "%2f", "\u{86}", "\u{82}\u{1}"], |bytes| {
        let peer = Peer::read(&CertificateDer::from(bytes), false);
        let device = peer.as_ref().map(Peer::device);
        if let Some(Ok(device)) = &device {
            let name = device.to_string();
            let path = name.strip_prefix("spiffe://").expect("a SPIFFE id");
            let odd = ["//", "/./", "/../", "%", " ", "?", "#", "@", ":"];
            assert!(
                path.contains('/') && !path.ends_with('/') && !odd.iter().any(|odd| path.contains(odd)),
                "{name}"
            );
        }
        device.map(|device| device.is_ok())
    });
}
