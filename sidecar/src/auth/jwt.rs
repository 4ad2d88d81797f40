//! Bearer tokens. In: a token, the connection's certificate and the time. Out: the device, or a doubt. Nothing inside a
//! token is looked at before its signature holds, but for which key to try.

use std::{path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use trust::Watched;
use wire::config::{self, Algorithm};

use super::{Device, Doubt, keys::Keys, peer::Peer};

/// Clocks of issuers and sites differ by this much.
const LEEWAY_SECONDS: f64 = 30.0;

/// What a token must be.
pub struct Jwt {
    config: config::Jwt,
    keys: Watched<Arc<Keys>>,
}

#[derive(Deserialize)]
struct Header {
    /// Any other algorithm, `none` above all, does not parse.
    alg: Algorithm,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: f64,
    nbf: Option<f64>,
    sub: Option<String>,
    cnf: Option<Confirmation>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// What the sender must have besides the token. A way of proof that is not known here proves nothing.
#[derive(Deserialize)]
struct Confirmation {
    #[serde(rename = "x5t#S256")]
    thumbprint: Option<String>,
}

impl Jwt {
    /// Reads the keys for the first time; an error names their file.
    pub fn load(config: config::Jwt) -> Result<Self, String> {
        let file = PathBuf::from(&config.jwks_file);
        let keys = Watched::load(vec![file.clone()], move || Keys::read(&file).map(Arc::new))?;
        Ok(Self { config, keys })
    }

    /// The device that a token names.
    pub fn device(&self, token: &str, peer: Option<&Peer>, now: Duration) -> Result<Device, Doubt> {
        let claims = self.claims(token).map_err(Doubt::Unproved)?;
        self.check(&claims, peer, now.as_secs_f64()).map_err(Doubt::Unproved)?;
        let name = claims.sub.as_deref().and_then(Device::new);
        name.ok_or(Doubt::Nameless("the token has no sub of at most 512 bytes"))
    }

    fn claims(&self, token: &str) -> Result<Claims, &'static str> {
        const SHAPE: &str = "the token is not three parts of base64url";
        let (signed, signature) = token.rsplit_once('.').ok_or(SHAPE)?;
        let (header, claims) = signed.split_once('.').ok_or(SHAPE)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| SHAPE)?;
        let header: Header = part(header).ok_or("the header is not of a known algorithm")?;
        if header.crit.is_some() {
            return Err("the header has critical extensions");
        }
        if !self.config.algorithms.contains(&header.alg) {
            return Err("the algorithm is not one of those configured");
        }
        let keys = self.keys.get().expect("the file was read at the start");
        if !keys.signed(header.kid.as_deref(), header.alg, signed.as_bytes(), &signature) {
            return Err("no key of the issuer made the signature");
        }
        part(claims).ok_or("the claims lack iss, aud or exp, or have them in another form")
    }

    fn check(&self, claims: &Claims, peer: Option<&Peer>, now: f64) -> Result<(), &'static str> {
        let is_for_us = match &claims.aud {
            Audience::One(one) => self.config.audiences.contains(one),
            Audience::Many(all) => all.iter().any(|one| self.config.audiences.contains(one)),
        };
        let confirmed = claims.cnf.as_ref().is_none_or(|cnf| {
            let shown = peer.map(|peer| peer.thumbprint.as_str());
            cnf.thumbprint.is_some() && cnf.thumbprint.as_deref() == shown
        });
        let rules = [
            (claims.iss == self.config.issuer, "another issuer"),
            (is_for_us, "another audience"),
            (now < claims.exp + LEEWAY_SECONDS, "expired"),
            (claims.nbf.is_none_or(|nbf| nbf - LEEWAY_SECONDS <= now), "not valid yet"),
            (confirmed, "the certificate that the token is bound to was not shown"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, rule)| Err(rule))
    }
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
