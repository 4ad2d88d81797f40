//! Inputs from files and from words.
#![allow(dead_code, reason = "each test program uses a part")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use crds::{InferenceOffload, OffloadClass};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Node, Pod, Service},
};
use plan::{Inputs, Resources, World, inputs::Settings, resources, validate};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InputFile {
    offload: InferenceOffload,
    classes: Vec<OffloadClass>,
    #[serde(default)]
    namespace_labels: BTreeMap<String, String>,
    #[serde(default)]
    runtime_classes: Vec<String>,
    #[serde(default)]
    world: WorldFile,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct WorldFile {
    deployment: Option<Deployment>,
    service: Option<Service>,
    sidecar_configs: Vec<ConfigMap>,
    pods: Vec<Pod>,
    nodes: Vec<Node>,
}

/// Folder of the golden cases.
pub fn cases() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// The inputs of a golden case.
pub fn case(behaviour: &str) -> Inputs {
    let path = cases().join(behaviour).join("input.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let file: InputFile = yaml(&text);
    let WorldFile { deployment, service, sidecar_configs, pods, nodes } = file.world;
    let nodes = nodes.into_iter().map(|node| (node.metadata.name.clone().unwrap(), node)).collect();
    Inputs {
        offload: file.offload,
        classes: file.classes,
        namespace_labels: file.namespace_labels,
        runtime_classes: file.runtime_classes,
        world: World { deployment, service, sidecar_configs, pods, nodes },
        settings: Settings {
            sidecar_image: "longshore.example/sidecar:1".into(),
            sidecar_image_pull_policy: "IfNotPresent".into(),
            operator_namespace: "longshore-system".into(),
        },
    }
}

/// A value from YAML.
pub fn yaml<T: DeserializeOwned>(text: &str) -> T {
    let tree: Value = serde_saphyr::from_str(text).unwrap();
    serde_json::from_value(tree).unwrap()
}

/// The plan of inputs that are accepted.
pub fn planned(inputs: &Inputs) -> Resources {
    let valid = validate(inputs).unwrap();
    resources(&valid, &inputs.world, &inputs.settings)
}

/// A plan as one tree.
pub fn tree(plan: &Resources) -> Value {
    let Resources {
        service_account,
        sidecar_config,
        policy,
        service,
        peers,
        budget,
        network_policy,
        model,
        deletions,
    } = plan;
    let deletions: Vec<Value> = deletions
        .iter()
        .map(|one| json!({"name": one.name, "uid": one.uid, "resourceVersion": one.resource_version}))
        .collect();
    json!({
        "serviceAccount": service_account,
        "sidecarConfig": sidecar_config,
        "policy": policy,
        "service": service,
        "peers": peers,
        "budget": budget,
        "networkPolicy": network_policy,
        "model": model,
        "deletions": deletions,
    })
}
