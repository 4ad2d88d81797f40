//! Certificates, keys and quotas of a class's endpoints: as the sidecar reads them, and as the pod mounts them. Names only: their
//! content is between the namespace and the kubelet.

use crds::class::{self, Endpoint};
use k8s_openapi::api::core::v1::{KeyToPath, SecretVolumeSource, Volume, VolumeMount};
use wire::config::{Algorithm, Auth, Jwt, Quota, Tls, TlsVersion};

use super::{containers::read_only, paths, volumes};

/// The endpoint's certificate.
const TLS: &str = "tls";
/// The authorities that sign for devices.
const DEVICE_CA: &str = "device-ca";
/// Public keys of the issuer of tokens.
const JWKS: &str = "jwks";
/// For the pod's group, which is the sidecar's.
const SECRET_MODE: i32 = 0o440;

/// `tls` of the sidecar's configuration.
pub fn tls(endpoint: &Endpoint) -> Option<Tls> {
    let tls = endpoint.tls.as_ref()?;
    let client_ca = tls.client_ca_config_map_name.as_ref();
    Some(Tls {
        certificate_file: format!("{}/{}", paths::TLS_FOLDER, paths::TLS_CERTIFICATE_KEY),
        key_file: format!("{}/{}", paths::TLS_FOLDER, paths::TLS_PRIVATE_KEY),
        client_ca_file: client_ca.map(|_| format!("{}/{}", paths::DEVICE_CA_FOLDER, paths::CA_KEY)),
        minimum_version: match tls.minimum_version {
            class::TlsVersion::V1_3 => TlsVersion::V1_3,
            class::TlsVersion::V1_2 => TlsVersion::V1_2,
        },
    })
}

/// `quota` of the sidecar's configuration.
pub fn quota(endpoint: &Endpoint) -> Option<Quota> {
    // The schema keeps both above zero.
    endpoint.quota.map(|wish| Quota {
        in_flight_per_device: wish.in_flight_per_device.unsigned_abs(),
        server_milliseconds_per_second: wish.server_milliseconds_per_second.unsigned_abs(),
    })
}

/// `auth` of the sidecar's configuration.
pub fn auth(endpoint: &Endpoint) -> Auth {
    match endpoint.auth {
        class::Auth::None => Auth::None,
        class::Auth::MutualTls => Auth::MutualTls,
        // The schema keeps the two together. Without its rules for tokens a sidecar does not start.
        class::Auth::Jwt => Auth::Jwt(jwt(endpoint.jwt.clone().unwrap_or_default())),
    }
}

fn jwt(wish: class::Jwt) -> Jwt {
    let algorithm = |wish| match wish {
        class::Algorithm::ES256 => Algorithm::ES256,
        class::Algorithm::RS256 => Algorithm::RS256,
        class::Algorithm::EdDSA => Algorithm::EdDSA,
    };
    Jwt {
        issuer: wish.issuer,
        audiences: wish.audiences,
        algorithms: wish.algorithms.into_iter().map(algorithm).collect(),
        jwks_file: format!("{}/{}", paths::JWKS_FOLDER, paths::JWKS_KEY),
    }
}

/// The volumes, each with the place where the sidecar sees it. Whole folders and no subPath, or changes would never
/// arrive.
pub fn mounts(endpoint: &Endpoint) -> Vec<(Volume, VolumeMount)> {
    let tls = endpoint.tls.as_ref();
    let device_ca = tls.and_then(|tls| tls.client_ca_config_map_name.as_ref());
    let jwks = endpoint.jwt.as_ref().map(|jwt| &jwt.jwks_config_map_name);
    let config_map = |volume, name: &String, key, folder| {
        (volumes::config_map(volume, name, Some(key)), read_only(volume, folder))
    };
    let all = [
        tls.map(|tls| (secret(&tls.secret_name), read_only(TLS, paths::TLS_FOLDER))),
        device_ca.map(|name| config_map(DEVICE_CA, name, paths::CA_KEY, paths::DEVICE_CA_FOLDER)),
        jwks.map(|name| config_map(JWKS, name, paths::JWKS_KEY, paths::JWKS_FOLDER)),
    ];
    all.into_iter().flatten().collect()
}

fn secret(name: &str) -> Volume {
    let item = |key: &str| KeyToPath { key: key.into(), path: key.into(), mode: None };
    Volume {
        name: TLS.into(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(name.into()),
            items: Some([paths::TLS_CERTIFICATE_KEY, paths::TLS_PRIVATE_KEY].map(item).into()),
            default_mode: Some(SECRET_MODE),
            optional: Some(false),
        }),
        ..Volume::default()
    }
}
