//! `InferenceOffload`: one model that devices may send their work to.

pub mod model;
pub mod policy;
pub mod status;

use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use model::{HttpsSource, ImageSource, Model, ModelSource};
pub use policy::{DataClass, Fallback, Mode, OffloadPolicy, Routing};
pub use status::{CapacityStatus, EndpointStatus, InferenceOffloadStatus, ModelState, ModelStatus};

/// One model that devices may send their work to.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[kube(
    group = "longshore.dev",
    version = "v1alpha1",
    kind = "InferenceOffload",
    namespaced,
    shortname = "iof",
    category = "longshore",
    status = "InferenceOffloadStatus",
    doc = "One model that devices may send their work to: what is served, how much of it, and the policy devices get.",
    derive = "PartialEq",
    crates(kube = "::kube_derive", kube_core = "::kube_core"),
    attr = r#"x_kube(crates(kube_core = "::kube_core"))"#,
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    validation = Rule::new("self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name: use at most 63 lower-case letters, digits and hyphens, beginning with a letter"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(
        name = "Replicas",
        type_ = "string",
        json_path = ".status.readySummary",
        description = "Replicas that serve, of those wished for"
    ),
    printcolumn(name = "Model", type_ = "string", json_path = ".status.model.name"),
    printcolumn(name = "Class", type_ = "string", json_path = ".status.className"),
    printcolumn(
        name = "Endpoint",
        type_ = "string",
        json_path = ".status.endpoints[0].url",
        priority = "1"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(self.dataClass == 'Restricted' && self.offloadPolicy.mode == 'OffloadOnly')")
    .message("spec.offloadPolicy.mode: OffloadOnly contradicts dataClass Restricted, which never leaves the device; change one of them"))]
pub struct InferenceOffloadSpec {
    /// The class that decides hardware, runtime and limits. Absent: the default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
    /// The model.
    pub model: Model,
    /// Accelerators of each replica, of the class's kind. Absent: 1 where the class has an accelerator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub accelerators: Option<i32>,
    /// Pods that serve the model. Absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub replicas: Option<i32>,
    /// How much work each pod lets in.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self.defaultTimeoutMilliseconds <= self.maxTimeoutMilliseconds")
        .message("spec.admission.defaultTimeoutMilliseconds: must not be greater than maxTimeoutMilliseconds"))]
    pub admission: Admission,
    /// How devices reach this offload.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// What devices are told.
    #[serde(default)]
    pub offload_policy: OffloadPolicy,
    /// How far the inputs of this model may travel.
    #[serde(default)]
    pub data_class: DataClass,
    /// How devices choose between nodes.
    #[serde(default)]
    pub routing: Routing,
    /// Takes every pod away and keeps the address, until it is false again.
    #[serde(default)]
    pub suspend: bool,
}

/// How much work each pod lets in.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Admission {
    /// Requests inside the model server at once.
    #[schemars(range(min = 1, max = 1024))]
    pub max_concurrency: i32,
    /// Deadline of a request that names none, in milliseconds.
    #[schemars(range(min = 1, max = 600_000))]
    pub default_timeout_milliseconds: i32,
    /// A longer deadline is shortened to this, in milliseconds.
    #[schemars(range(min = 1, max = 600_000))]
    pub max_timeout_milliseconds: i32,
    /// Longest request body, in bytes.
    #[schemars(range(min = 1, max = 1_073_741_824))]
    pub max_payload_bytes: i64,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            max_concurrency: 4,
            default_timeout_milliseconds: 200,
            max_timeout_milliseconds: 2_000,
            max_payload_bytes: 4 << 20,
        }
    }
}

/// How devices reach an offload.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoint {
    /// The node port, inside the class's range. Absent: the API server chooses once, and the port stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub node_port: Option<i32>,
}
