//! Inputs from files and from words.

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
        service_elsewhere,
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
    let mut tree = json!({
        "serviceAccount": service_account,
        "sidecarConfig": sidecar_config,
        "policy": policy,
        "service": service,
        "peers": peers,
        "budget": budget,
        "networkPolicy": network_policy,
        "model": model,
        "deletions": deletions,
    });
    if let Some(service) = service_elsewhere {
        tree["serviceElsewhere"] = json!(service);
    }
    tree
}

/// What stands at the ends of a tree, by JSON pointer.
pub fn leaves(tree: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    walk(tree, String::new(), &mut found);
    found
}

fn walk(value: &Value, pointer: String, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, inner) in map {
                walk(inner, format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, inner) in items.iter().enumerate() {
                walk(inner, format!("{pointer}/{index}"), found);
            }
        }
        end => {
            found.insert(pointer, end.clone());
        }
    }
}
