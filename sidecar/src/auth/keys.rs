//! The issuer's public keys. In: a JSON Web Key Set. Out: whether one of them made a signature. A key serves the one
//! algorithm of its kind; keys of other kinds are passed over, since an issuer may have more than we use.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use trust::about;
use wire::config::Algorithm;

/// More keys than an issuer that rotates has. A token without a key's id is tried with each.
const KEYS_MAX: usize = 32;

/// What the issuer may have signed with.
#[derive(Debug)]
pub struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<WebKey>,
}

/// The members of RFC 7517 and 7518 that matter here.
#[derive(Deserialize)]
struct WebKey {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Keys {
    /// Reads a file; an error names it.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read(file).map_err(|error| about(file, &error))?;
        Self::parse(&text).map_err(|fault| about(file, &fault))
    }

    /// Reads a key set.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let set: KeySet = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let keys: Vec<Key> = set.keys.into_iter().filter_map(key).collect();
        match keys.len() {
            0 => Err("no key for ES256, RS256 or EdDSA in it".into()),
            1..=KEYS_MAX => Ok(Self(keys)),
            _ => Err(format!("more than {KEYS_MAX} keys in it")),
        }
    }

    /// Whether a key of this id, or any where none is named, signed the message.
    pub fn signed(&self, id: Option<&str>, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let is_meant = |key: &&Key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id);
        self.0.iter().filter(is_meant).any(|key| key.material.signed(message, signature))
    }
}

impl Material {
    fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Self::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(message, signature),
        }
        .is_ok()
    }
}

fn key(key: WebKey) -> Option<Key> {
    const UNCOMPRESSED: u8 = 4;
    let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
    let (algorithm, name, material) = match (key.kty.as_str(), key.crv.as_deref()) {
        ("RSA", _) => (Algorithm::RS256, "RS256", Material::Rsa { n: bytes(key.n)?, e: bytes(key.e)? }),
        ("EC", Some("P-256")) => {
            let point = [vec![UNCOMPRESSED], bytes(key.x)?, bytes(key.y)?].concat();
            (Algorithm::ES256, "ES256", Material::P256(point))
        }
        ("OKP", Some("Ed25519")) => (Algorithm::EdDSA, "EdDSA", Material::Ed25519(bytes(key.x)?)),
        _ => return None,
    };
    let is_for_us = key.alg.is_none_or(|alg| alg == name) && key.usage.is_none_or(|usage| usage == "sig");
    is_for_us.then_some(Key { id: key.kid, algorithm, material })
}
