//! Where the models of a class may come from.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where models may come from.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!('Image' in self.allowedSources) || (has(self.allowedImagePrefixes) && self.allowedImagePrefixes.size() > 0)")
    .message("models.allowedImagePrefixes: name at least one prefix, or take Image out of models.allowedSources"))]
#[x_kube(validation = Rule::new("!('Https' in self.allowedSources) || (has(self.allowedHosts) && self.allowedHosts.size() > 0)")
    .message("models.allowedHosts: name at least one host, or take Https out of models.allowedSources"))]
pub struct Models {
    /// Kinds of source.
    #[schemars(length(min = 1, max = 2))]
    pub allowed_sources: Vec<SourceKind>,
    /// Prefixes of model images; each ends in / so that it cannot name half a repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 253)))]
    #[x_kube(validation = Rule::new("self.all(p, p.endsWith('/'))")
        .message("models.allowedImagePrefixes: end each prefix in /, for instance registry.example/models/"))]
    pub allowed_image_prefixes: Vec<String>,
    /// Hosts of https sources, with the port where it is not 443.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 261)))]
    #[x_kube(validation = Rule::new("self.all(h, h.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?$'))")
        .message("models.allowedHosts: use lower-case host names without scheme or path, for instance models.site.example"))]
    pub allowed_hosts: Vec<String>,
    /// ConfigMap in the offload's namespace whose key ca.crt holds the certificates that sign for the hosts. Absent: public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub ca_config_map_name: Option<String>,
    /// Whether offloads must name the digest of their model file.
    #[serde(default)]
    pub digest: DigestRule,
}

/// A kind of model source.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceKind {
    /// An OCI image, mounted by the kubelet.
    Image,
    /// A file, downloaded by an init container.
    Https,
}

/// Whether a digest must be named.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DigestRule {
    /// An offload without one is not accepted.
    #[default]
    Required,
    /// A digest is verified when there is one.
    Optional,
}
