//! What crosses a process boundary: outcomes, headers, paths, load reports, the policy bundle and the sidecar's
//! configuration file. Plain values and their text forms; it never reads a clock, a file or a socket.
//!
//! The operator's plan writes these values, the sidecar serves them, the device library reads them.

mod base64;
pub mod bundle;
pub mod config;
pub mod digest;
pub mod endpoint;
pub mod grpc;
pub mod header;
pub mod load;
pub mod name;
pub mod outcome;
pub mod path;
pub mod priority;
pub mod problem;
pub mod protobuf;
pub mod routes;

pub use bundle::PolicyBundle;
pub use config::SidecarConfig;
pub use digest::Digest;
pub use endpoint::{EndpointInfo, Node, NodeTable};
pub use load::LoadReport;
pub use outcome::{Advice, Outcome};
pub use problem::Problem;
