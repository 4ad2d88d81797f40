//! What TLS, credentials and quotas need of each other.

use wire::config::{self, Auth, Jwt, Tls};

use super::{Error, Quota, key};

/// Nothing is missing, and nothing stands there without effect.
pub fn check(tls: Option<&Tls>, auth: &Auth) -> Result<(), Error> {
    let authorities = tls.and_then(|tls| tls.client_ca_file.as_ref());
    match auth {
        Auth::None if authorities.is_some() => Err(key(
            "tls.clientCaFile",
            "take it out, or set auth to MutualTls or Jwt: with auth None no certificate is asked for",
        )),
        Auth::None => Ok(()),
        Auth::MutualTls | Auth::Jwt(_) if tls.is_none() => {
            Err(key("tls", "set it: what proves a device must not travel in the clear"))
        }
        Auth::MutualTls if authorities.is_none() => {
            Err(key("tls.clientCaFile", "name the authorities that sign for devices"))
        }
        Auth::MutualTls => Ok(()),
        Auth::Jwt(jwt) => tokens(jwt),
    }
}

/// A device that has no name cannot be counted.
pub fn quota(raw: Option<config::Quota>, auth: &Auth) -> Result<Option<Quota>, Error> {
    let Some(raw) = raw else { return Ok(None) };
    if *auth == Auth::None {
        return Err(key("quota", "take it out, or set auth: with auth None no device has a name"));
    }
    if raw.in_flight_per_device == 0 {
        return Err(key("quota.inFlightPerDevice", "use at least 1"));
    }
    if raw.server_milliseconds_per_second == 0 {
        return Err(key("quota.serverMillisecondsPerSecond", "use at least 1"));
    }
    Ok(Some(Quota {
        in_flight_max: raw.in_flight_per_device,
        server_share: f64::from(raw.server_milliseconds_per_second) / 1000.0,
    }))
}

fn tokens(jwt: &Jwt) -> Result<(), Error> {
    let lists = [
        ("auth.Jwt.issuer", jwt.issuer.is_empty()),
        ("auth.Jwt.audiences", jwt.audiences.is_empty()),
        ("auth.Jwt.algorithms", jwt.algorithms.is_empty()),
    ];
    match lists.into_iter().find(|(_, is_empty)| *is_empty) {
        Some((name, _)) => Err(key(name, "name at least one")),
        None => Ok(()),
    }
}
