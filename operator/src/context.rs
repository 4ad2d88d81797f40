//! What every reconcile shares.

use std::time::Duration;

use kube::{Client, runtime::events::Recorder};
use plan::inputs::Settings;

use crate::{metrics::Metrics, probe::Prober, retry::Retries, stores::Stores};

/// What every reconcile shares.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// What is known of the cluster.
    pub stores: Stores,
    /// What the installation decides.
    pub settings: Settings,
    /// Time between two looks at an offload where nothing happens.
    pub resync: Duration,
    /// Dials endpoints.
    pub prober: Prober,
    /// Failures in a row.
    pub retries: Retries,
    /// Publishes events.
    pub recorder: Recorder,
    /// What is counted.
    pub metrics: Metrics,
}
