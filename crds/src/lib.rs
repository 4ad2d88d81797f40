//! The API: `OffloadClass` (the site owner's decisions) and `InferenceOffload` (the model owner's wishes), group
//! `longshore.dev`, version `v1alpha1`, with their schema, CEL rules and defaults.
//!
//! A field stands here only together with the code that obeys it. Rules are CEL in the schema; each message names the
//! field and the fix.

pub mod class;
pub mod manifest;
pub mod offload;
mod quantity;

pub use class::OffloadClass;
pub use offload::InferenceOffload;

/// API group of both kinds.
pub const GROUP: &str = "longshore.dev";

/// Annotation of the class that offloads without `className` use; its value is `"true"`.
pub const DEFAULT_CLASS_ANNOTATION: &str = "longshore.dev/is-default-class";

/// Annotation of a node with the host that devices dial, read when the class says `nodeAddress: Annotation`.
pub const ADVERTISED_HOST_ANNOTATION: &str = "longshore.dev/advertised-host";
