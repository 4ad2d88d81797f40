//! A site's authority and its issuer of tokens: what an owner puts into a namespace, and what devices get.

use std::{
    env, fs,
    net::IpAddr,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ED25519, SanType, SigningKey as _,
};
use serde_json::{Value, json};

use crate::{
    cluster::{apply, kubectl},
    manifest,
};

/// Name of the class whose devices show certificates.
pub const CERTIFICATES: &str = "e2e-certificates";
/// Name of the class whose devices bring tokens.
pub const TOKENS: &str = "e2e-tokens";

const ISSUER: &str = "https://issuer.site.example";
const AUDIENCE: &str = "offload";

/// A site. Its files, for devices, go when the value goes.
pub struct Site {
    authority: CertifiedIssuer<'static, KeyPair>,
    issuer: KeyPair,
    folder: PathBuf,
}

impl Site {
    /// Makes the keys.
    ///
    /// # Errors
    /// When the folder for its files cannot be made.
    pub fn new() -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("longshore-e2e-site-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "site");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { authority, issuer: KeyPair::generate_for(&PKCS_ED25519)?, folder })
    }

    /// Puts into a namespace what both classes name.
    ///
    /// # Errors
    /// When the API server refuses.
    pub fn settle(&self, namespace: &str) -> Result<()> {
        let object = |kind: &str, name: &str, data: Value| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "data": data});
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.subject_alt_names = node_addresses()?.into_iter().map(SanType::IpAddress).collect();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.authority)?;
        let mut secret = object("Secret", "site-tls", Value::Null);
        secret["type"] = json!("kubernetes.io/tls");
        secret["stringData"] = json!({"tls.crt": certificate.pem(), "tls.key": key.serialize_pem()});
        let authority = object("ConfigMap", "device-ca", json!({"ca.crt": self.authority.pem()}));
        let public = URL_SAFE_NO_PAD.encode(self.issuer.public_key_raw());
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": public}]});
        let keys = object("ConfigMap", "issuer-keys", json!({"jwks.json": keys.to_string()}));
        apply(&[secret, authority, keys].map(|one| one.to_string()).join("\n---\n")).map(drop)
    }

    /// The authority, for devices.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn authority(&self) -> Result<String> {
        self.file("ca.crt", &self.authority.pem())
    }

    /// A device's certificate and key.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn device(&self) -> Result<[String; 2]> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI("spiffe://site/device/camera-1".try_into()?)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.authority)?;
        Ok([self.file("device.crt", &certificate.pem())?, self.file("device.key", &key.serialize_pem())?])
    }

    /// A token that is good for so many seconds from now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn token(&self, seconds: i64) -> Result<String> {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
        let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "camera-1", "exp": now + seconds});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "EdDSA"})), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.issuer.sign(signed.as_bytes())?);
        self.file(&format!("token-{seconds}"), &format!("{signed}.{signature}"))
    }

    fn file(&self, name: &str, content: &str) -> Result<String> {
        let file = self.folder.join(name);
        fs::write(&file, content)?;
        Ok(file.display().to_string())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Applies the two classes.
///
/// # Errors
/// When the API server refuses.
pub fn classes() -> Result<()> {
    let tls = json!({"secretName": "site-tls", "clientCaConfigMapName": "device-ca"});
    let mut certificates = manifest::class(CERTIFICATES, false);
    certificates["spec"]["endpoint"] = json!({"tls": tls, "auth": "MutualTls",
        "quota": {"inFlightPerDevice": 4, "serverMillisecondsPerSecond": 1000}});
    let mut tokens = manifest::class(TOKENS, false);
    tokens["spec"]["endpoint"] = json!({"tls": {"secretName": "site-tls", "minimumVersion": "1.2"}, "auth": "Jwt",
        "jwt": {"issuer": ISSUER, "audiences": [AUDIENCE], "algorithms": ["EdDSA"], "jwksConfigMapName": "issuer-keys"}});
    apply(&format!("{certificates}\n---\n{tokens}")).map(drop)
}

fn node_addresses() -> Result<Vec<IpAddr>> {
    let path = r#"jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}"#;
    let found = kubectl(&["get", "nodes", "-l", "longshore.dev/accelerator=true", "-o", path])?;
    found.split_whitespace().map(|address| Ok(address.parse()?)).collect()
}
