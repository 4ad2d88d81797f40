//! The CRDs as YAML, for `longshore-operator crds` and the chart.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_core::CustomResourceExt as _;

use crate::{InferenceOffload, OffloadClass};

/// Both definitions, in the order in which they are applied.
#[must_use]
pub fn definitions() -> [CustomResourceDefinition; 2] {
    [OffloadClass::crd(), InferenceOffload::crd()]
}

/// Both definitions as one YAML stream.
#[must_use]
pub fn yaml() -> String {
    let documents: Vec<String> = definitions().iter().map(document).collect();
    documents.join("---\n")
}

/// One definition as a YAML document that ends in a line feed.
#[must_use]
pub fn document(definition: &CustomResourceDefinition) -> String {
    let text = serde_saphyr::to_string(definition).expect("a definition is a tree of plain values");
    if text.ends_with('\n') { text } else { text + "\n" }
}

/// One definition as a template of the chart: only where wanted, and kept when the chart goes, because its objects go
/// with it.
#[must_use]
pub fn chart_template(definition: &CustomResourceDefinition) -> String {
    let text = document(definition).replacen("\nmetadata:\n", KEPT, 1);
    format!(
        "{{{{- if .Values.crds.enabled }}}}\n# Written by `make generate` from crds/src.\n{text}{{{{- end }}}}\n"
    )
}

const KEPT: &str = "
metadata:
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
";
