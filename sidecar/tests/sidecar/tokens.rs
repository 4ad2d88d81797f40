//! An issuer of tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "offload";

/// Made once with a key that nobody kept: ring makes no RSA keys. Valid until the year 3000.
pub const RS256: &str = include_str!("rs256.jwt");
pub const RS256_KEY: &str = include_str!("rs256.jwk");

pub struct Issuer {
    es: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

impl Issuer {
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let es = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            es: EcdsaKeyPair::from_pkcs8(algorithm, es.as_ref(), &random).unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
        }
    }

    /// Our keys among others.
    pub fn key_set(&self) -> Value {
        let point = &self.es.public_key().as_ref()[1..];
        let (x, y) = point.split_at(32);
        let rsa: Value = serde_json::from_str(RS256_KEY).unwrap();
        json!({"keys": [
            {"kty": "oct", "kid": "secret", "k": "AAAA"},
            {"kty": "EC", "crv": "P-384", "kid": "large", "x": "AAAA", "y": "AAAA"},
            {"kty": "EC", "crv": "P-256", "kid": "enc", "use": "enc", "x": text(x), "y": text(y)},
            {"kty": "EC", "crv": "P-256", "kid": "es", "use": "sig", "alg": "ES256", "x": text(x), "y": text(y)},
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": text(self.ed.public_key().as_ref())},
            rsa,
        ]})
    }

    pub fn claims(&self) -> Value {
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "camera-1", "exp": now() + 600})
    }

    pub fn es256(&self, claims: &Value) -> String {
        self.sign("ES256", &json!({"alg": "ES256", "kid": "es", "typ": "JWT"}), claims)
    }

    pub fn eddsa(&self, claims: &Value) -> String {
        self.sign("EdDSA", &json!({"alg": "EdDSA", "kid": "ed"}), claims)
    }

    /// Signs in one way and says another, where a test wants that.
    pub fn sign(&self, way: &str, header: &Value, claims: &Value) -> String {
        let signed =
            format!("{}.{}", text(header.to_string().as_bytes()), text(claims.to_string().as_bytes()));
        let message = signed.as_bytes();
        let public = self.es.public_key().as_ref();
        let signature = match way {
            "ES256" => self.es.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed.sign(message).as_ref().to_vec(),
            "HS256" => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public), message).as_ref().to_vec(),
            _ => Vec::new(),
        };
        format!("{signed}.{}", text(&signature))
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
