//! An offload whose spec and class agree. A value that can be wrong cannot be built: only [`crate::validate`] makes one.

use std::collections::BTreeMap;

use crds::class::OffloadClassSpec;
use wire::{Digest, PolicyBundle, bundle::ServiceTimes};

/// An accepted offload with every default filled in.
#[derive(Clone, Debug)]
pub struct Valid {
    /// Name of the offload.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid, for owner references.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Name of the class.
    pub class_name: String,
    /// The class.
    pub class: OffloadClassSpec,
    /// The model.
    pub model: ValidModel,
    /// Pods wished for; 0 while suspended.
    pub replicas: u32,
    /// Accelerators of each replica; 0 where the class has none.
    pub accelerators: u32,
    /// Node port to ask for: of the spec, else the one that was recorded.
    pub node_port: Option<u16>,
    /// Whether the spec asked for the node port by number.
    pub node_port_pinned: bool,
    /// The sidecar's admission.
    pub admission: wire::config::Admission,
    /// What devices get, without endpoints and service times.
    pub bundle: PolicyBundle,
    /// What is known of nodes' times in the model server, by node.
    pub service_times: BTreeMap<String, ServiceTimes>,
    /// Whether the spec takes every pod away.
    pub suspended: bool,
}

/// A model that the class allows.
#[derive(Clone, Debug)]
pub struct ValidModel {
    /// Name in protocol URLs and in the file path.
    pub name: String,
    /// Version in protocol URLs and in the file path.
    pub version: String,
    /// Format; the file is called `model.FORMAT`.
    pub format: String,
    /// Where the file comes from.
    pub source: Source,
    /// Digest of the file.
    pub digest: Option<Digest>,
    /// Size of the file, in bytes.
    pub size_bytes: Option<u64>,
    /// Words for the indices of the probabilities.
    pub labels: Vec<String>,
}

/// Where a model file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A folder of an OCI image.
    Image {
        /// The image.
        reference: String,
        /// The folder.
        path: String,
    },
    /// A file behind a URL.
    Https {
        /// The URL.
        url: String,
    },
}
