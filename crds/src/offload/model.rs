//! The model of an offload.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube_derive::KubeSchema;
use serde::{Deserialize, Serialize};

/// The model.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// Name in protocol URLs. Absent: the offload's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9_.]*[a-z0-9])?$') && !self.contains('..')")
        .message("spec.model.name: use lower-case letters, digits, - _ and single dots, beginning and ending with a letter or a digit"))]
    pub name: Option<String>,
    /// Version in protocol URLs, a positive number.
    #[serde(default = "default_version")]
    #[schemars(length(min = 1, max = 9))]
    #[x_kube(validation = Rule::new("self.matches('^[1-9][0-9]*$')")
        .message("spec.model.version: use a positive number in quotes, for instance \"1\""))]
    pub version: String,
    /// Format of the model file, one of the class's runtime.modelFormats.
    #[serde(default = "default_format")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]+$')")
        .message("spec.model.format: use lower-case letters and digits, for instance onnx"))]
    pub format: String,
    /// Where the model file comes from.
    pub source: ModelSource,
    /// SHA-256 of the model file, sha256: and 64 hexadecimal digits; verified before anything loads the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 71))]
    #[x_kube(validation = Rule::new("self.matches('^sha256:[0-9a-f]{64}$')")
        .message("spec.model.digest: use sha256: and 64 lower-case hexadecimal digits, as sha256sum prints them"))]
    pub digest: Option<String>,
    /// Size of the model, for instance 8Mi; devices compare it with their own capacity, and a download may not exceed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::quantity::one")]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))")
        .message("spec.model.size: use a quantity greater than zero, for instance 8Mi"))]
    pub size: Option<Quantity>,
    /// Words for the indices of the model's probabilities, for instance background and person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(min = 1, max = 64)))]
    pub labels: Vec<String>,
}

fn default_version() -> String {
    "1".into()
}

fn default_format() -> String {
    "onnx".into()
}

/// Where a model file comes from: exactly one member.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.image) != has(self.https)")
    .message("spec.model.source: set exactly one of image and https"))]
pub struct ModelSource {
    /// A folder of an OCI image, mounted read-only by the kubelet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageSource>,
    /// A file, downloaded by an init container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<HttpsSource>,
}

/// A folder of an OCI image.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct ImageSource {
    /// The image, under one of the class's models.allowedImagePrefixes.
    #[schemars(length(min = 1, max = 512))]
    pub reference: String,
    /// The folder that holds model.FORMAT, relative to the root of the image.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$')")
        .message("spec.model.source.image.path: use a relative folder such as models/person, without .. or a leading /"))]
    pub path: String,
}

/// A file behind a URL.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct HttpsSource {
    /// The file, on one of the class's models.allowedHosts.
    #[schemars(length(min = 10, max = 2048))]
    #[x_kube(validation = Rule::new("self.matches('^https://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?/[^#@[:space:]]+$')")
        .message("spec.model.source.https.url: use https://HOST/PATH with a lower-case host, without user, fragment or spaces"))]
    pub url: String,
}
