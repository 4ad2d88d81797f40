//! Who asks. In: what the connection proved, and a request's header lines. Out: the device, or a refusal. It is asked
//! before the body is read and before the path is looked at: a stranger learns nothing here.

pub mod jwt;
pub mod keys;
pub mod peer;

use std::time::Duration;

use admission::party::Device;
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use wire::{Outcome, config};

use self::{jwt::Jwt, peer::Peer};
use crate::proxy::respond::Refusal;

/// How devices prove who they are.
pub enum Auth {
    None,
    MutualTls,
    Jwt(Box<Jwt>),
}

/// Why a request is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It shows nothing.
    Nothing,
    /// What it shows proves nothing; the text names the rule.
    Unproved(&'static str),
    /// It is proved and names no device.
    Nameless(&'static str),
}

impl Auth {
    /// Reads the file of keys for the first time; an error names it.
    pub fn load(config: &config::Auth) -> Result<Self, String> {
        Ok(match config {
            config::Auth::None => Self::None,
            config::Auth::MutualTls => Self::MutualTls,
            config::Auth::Jwt(config) => Self::Jwt(Box::new(Jwt::load(config.clone())?)),
        })
    }

    /// The device that asks; nobody's name is asked where anyone may. A token goes no further than this.
    pub fn device(
        &self,
        peer: Option<&Peer>,
        headers: &mut HeaderMap,
        now: Duration,
    ) -> Result<Option<Device>, Refusal> {
        // A connection can outlive its certificate.
        let peer = peer.filter(|peer| now <= peer.not_after);
        let device = match self {
            Self::None => return Ok(None),
            Self::MutualTls => peer.ok_or(Doubt::Nothing).and_then(Peer::device),
            Self::Jwt(jwt) => {
                let device = bearer(headers).and_then(|token| jwt.device(token, peer, now));
                headers.remove(AUTHORIZATION);
                device
            }
        };
        device.map(Some).map_err(|doubt| self.refusal(doubt))
    }

    fn refusal(&self, doubt: Doubt) -> Refusal {
        if let Doubt::Unproved(rule) | Doubt::Nameless(rule) = doubt {
            tracing::debug!(rule, "not believed");
        }
        let challenge = match (self, doubt) {
            (_, Doubt::Nameless(_)) => return Outcome::Forbidden.into(),
            (Self::Jwt(_), Doubt::Unproved(_)) => "Bearer error=\"invalid_token\"",
            (Self::Jwt(_), Doubt::Nothing) => "Bearer",
            // No scheme is registered for certificates, and an answer of this kind must name one.
            (Self::None | Self::MutualTls, _) => "ClientCertificate",
        };
        Refusal { challenge: Some(challenge), ..Outcome::Unauthenticated.into() }
    }
}

/// The one token of a request.
fn bearer(headers: &HeaderMap) -> Result<&str, Doubt> {
    let mut lines = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::to_str);
    match (lines.next(), lines.next()) {
        (None, _) => Err(Doubt::Nothing),
        (Some(Ok(line)), None) => match line.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => Ok(token.trim_matches(' ')),
            _ => Err(Doubt::Nothing),
        },
        _ => Err(Doubt::Unproved("Authorization is not one line of text")),
    }
}
