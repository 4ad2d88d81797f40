//! How devices reach the offloads of a class.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How devices reach the offloads of a class.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.auth == 'None' || has(self.tls)")
    .message("endpoint.tls: name the Secret with the certificate, or set endpoint.auth to None: what proves a device must not travel in the clear"))]
#[x_kube(validation = Rule::new("self.auth != 'MutualTls' || !has(self.tls) || has(self.tls.clientCaConfigMapName)")
    .message("endpoint.tls.clientCaConfigMapName: name the ConfigMap with the authorities that sign for devices, or choose another endpoint.auth"))]
#[x_kube(validation = Rule::new("self.auth != 'None' || !has(self.tls) || !has(self.tls.clientCaConfigMapName)")
    .message("endpoint.tls.clientCaConfigMapName: take it out, or set endpoint.auth to MutualTls or Jwt: with None no certificate is asked for"))]
#[x_kube(validation = Rule::new("(self.auth == 'Jwt') == has(self.jwt)")
    .message("endpoint.jwt: set it when endpoint.auth is Jwt, and only then"))]
#[x_kube(validation = Rule::new("self.auth != 'None' || !has(self.quota)")
    .message("endpoint.quota: take it out, or set endpoint.auth to MutualTls or Jwt: with None no device has a name to count by"))]
pub struct Endpoint {
    /// How the endpoint leaves the cluster.
    #[serde(default)]
    pub exposure: Exposure,
    /// Node ports that offloads may ask for by number. Absent: none, the API server chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port_range: Option<PortRange>,
    /// Which address of a node devices dial.
    #[serde(default)]
    pub node_address: NodeAddress,
    /// Certificate of the endpoints. Absent: they speak in the clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Who may ask. None must be written out.
    pub auth: Auth,
    /// What a bearer token must be, with auth Jwt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<Jwt>,
    /// How much one device may have of one endpoint. Absent: devices are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}

/// How an endpoint leaves the cluster.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exposure {
    /// A port of each node that runs a pod; a node's address leads only to that node's pods.
    #[default]
    NodePort,
}

/// Node ports, both ends included.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.first <= self.last")
    .message("endpoint.nodePortRange: first must not be greater than last"))]
pub struct PortRange {
    /// The lowest port.
    #[schemars(range(min = 1, max = 65535))]
    pub first: i32,
    /// The highest port.
    #[schemars(range(min = 1, max = 65535))]
    pub last: i32,
}

/// Which address of a node devices dial.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeAddress {
    /// The node's InternalIP.
    #[default]
    InternalIP,
    /// The node's ExternalIP.
    ExternalIP,
    /// The node's annotation longshore.dev/advertised-host.
    Annotation,
}

/// Certificate of the endpoints, and of their devices.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// Secret in the offload's namespace with the keys tls.crt and tls.key. Devices dial nodes: the certificate names their addresses.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
    /// ConfigMap in the offload's namespace whose key ca.crt holds the authorities that sign for devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub client_ca_config_map_name: Option<String>,
    /// The oldest version of TLS that is spoken, in quotes. 1.2 is for clients that know no newer one.
    #[serde(default)]
    pub minimum_version: TlsVersion,
}

/// A version of TLS.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// 1.3.
    #[default]
    #[serde(rename = "1.3")]
    V1_3,
    /// 1.2.
    #[serde(rename = "1.2")]
    V1_2,
}

/// Who may ask.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Auth {
    /// Anyone who reaches the port.
    None,
    /// Devices whose certificate holds a SPIFFE id.
    MutualTls,
    /// Devices with a bearer token.
    Jwt,
}

/// What a bearer token must be.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Jwt {
    /// Its iss, letter by letter.
    #[schemars(length(min = 1, max = 512))]
    pub issuer: String,
    /// Its aud is, or holds, one of these.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 512)))]
    pub audiences: Vec<String>,
    /// It is signed in one of these ways.
    #[schemars(length(min = 1, max = 3))]
    pub algorithms: Vec<Algorithm>,
    /// ConfigMap in the offload's namespace whose key jwks.json holds the issuer's public keys.
    #[schemars(length(min = 1, max = 253))]
    pub jwks_config_map_name: String,
}

/// A way to sign a token.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// RSA PKCS 1 version 1.5 with SHA-256.
    RS256,
    /// Ed25519.
    EdDSA,
}

/// How much one device may have of one endpoint.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Inferences of one device at once, those that wait included.
    #[schemars(range(min = 1, max = 65536))]
    pub in_flight_per_device: i32,
    /// The model server's time for one device, in milliseconds of each second; more than 1000 where requests run beside each
    /// other. A second's worth may be used at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub server_milliseconds_per_second: i32,
}
