//! `POST /v1alpha1/routes:resolve`: which endpoints a device should use; and `GET /v1alpha1/routes`: what a sidecar tells
//! its peers. Names follow the `CAMARA` simple edge discovery API where it has a word.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{Digest, LoadReport, bundle::DataClass};

/// Longest body of a question, in bytes.
pub const QUESTION_BYTES_MAX: usize = 16 << 10;

/// Longest table, in bytes: 1,000 endpoints.
pub const TABLE_BYTES_MAX: usize = 1 << 20;

/// Endpoints that a device may say something of, or leave out.
pub const NAMES_MAX: usize = 64;

/// What a device asks. All but the model may be absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteQuestion {
    /// The model it wants to ask.
    pub model: RouteModel,
    /// Length of a request's body, in bytes.
    #[serde(default)]
    pub payload_bytes: u64,
    /// Time from sending a request to its answer, in milliseconds; the model's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_milliseconds: Option<u32>,
    /// What the input is; `Restricted` has no route.
    #[serde(default)]
    pub data_class: DataClass,
    /// Who asks.
    #[serde(default)]
    pub device: RouteDevice,
    /// What the device measured itself, at most [`NAMES_MAX`].
    #[serde(default)]
    pub observed: Vec<Observed>,
    /// Endpoints that it does not want, at most [`NAMES_MAX`].
    #[serde(default)]
    pub exclude: Vec<String>,
}

/// A model by name, and by content where that matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteModel {
    /// Name in protocol URLs.
    pub name: String,
    /// Only endpoints that serve exactly this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// A device as far as routes depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteDevice {
    /// What it is, in one word; devices of one class share what the fleet can do.
    pub class: String,
    /// The site where it believes to be; endpoints there are taken to be nearer.
    pub zone_hint: String,
}

/// What a device measured of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// Which.
    pub endpoint_id: String,
    /// Round trip, in milliseconds.
    #[serde(default, deserialize_with = "in_range", skip_serializing_if = "Option::is_none")]
    pub rtt_milliseconds: Option<f32>,
    /// Uplink, in kbit/s.
    #[serde(default, deserialize_with = "in_range", skip_serializing_if = "Option::is_none")]
    pub uplink_kilobits_per_second: Option<f32>,
}

/// A number that is too large for its type is read as infinite, which JSON cannot say again: it is refused as other numbers that
/// are too large are.
fn in_range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    let number = Option::<f32>::deserialize(deserializer)?;
    if number.is_some_and(f32::is_infinite) {
        return Err(D::Error::custom("number out of range"));
    }
    Ok(number)
}

/// The answer: endpoints in the order in which to try them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Routes {
    /// The first is the one to use, the others are fallbacks.
    pub application_endpoints: Vec<Route>,
    /// How long the order is worth something, in milliseconds; spread by chance, so that devices do not return in step.
    pub ttl_milliseconds: u32,
    /// How much the device may send until it asks again.
    pub credits: Credits,
    /// Revision of the policy bundle; empty where there is none.
    #[serde(default)]
    pub policy_revision: String,
}

/// One endpoint and what to expect of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Its id; in a cluster the node's name.
    pub endpoint_id: String,
    /// Where to dial it.
    pub url: String,
    /// Its site.
    #[serde(default)]
    pub edge_cloud_zone: String,
    /// How long a request would wait there, in milliseconds.
    pub estimated_wait_milliseconds: f32,
    /// Median time in the model server, in milliseconds.
    pub service_time_p50_milliseconds: f32,
    /// 95th percentile of it, in milliseconds.
    pub service_time_p95_milliseconds: f32,
    /// How old the figures are, in milliseconds; absent where none were ever heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_age_milliseconds: Option<u32>,
    /// The file that it serves, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_digest: Option<Digest>,
}

/// A device's share of what the fleet can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credits {
    /// So many requests ...
    pub requests: u32,
    /// ... in so many milliseconds.
    pub per_milliseconds: u32,
}

/// What a sidecar tells its peers: itself first, then what it knows of others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerTable {
    /// The model that all of them serve.
    pub model: String,
    /// One row for each process.
    pub pods: Vec<PeerRow>,
}

/// One process that serves the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerRow {
    /// Drawn at its start: another process is another row.
    pub instance: String,
    /// Where peers dial it, `ADDRESS:PORT`; empty where a process speaks of itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The endpoint that it belongs to; in a cluster the node.
    pub endpoint_id: String,
    /// Where devices dial that.
    #[serde(default)]
    pub url: String,
    /// Its site.
    #[serde(default)]
    pub zone: String,
    /// The file that it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_digest: Option<Digest>,
    /// Requests inside its model server at once.
    pub max_concurrency: u32,
    /// How old the report is, in milliseconds.
    #[serde(default)]
    pub age_milliseconds: u32,
    /// Its load.
    pub load: LoadReport,
}
