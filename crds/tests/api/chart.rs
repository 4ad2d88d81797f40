//! The chart, as Helm renders it: what it may hold, what it refuses, and that its default class is a valid class.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::{
    objects::{documents, read, root},
    tools::{program, words},
};

/// Kinds that the chart may make.
const KINDS: [&str; 9] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "CustomResourceDefinition",
    "Deployment",
    "Role",
    "RoleBinding",
    "Service",
    "ServiceAccount",
];

/// `helm template` with these arguments: what it renders for a current cluster, or what it says against it.
pub fn render(arguments: &[&str]) -> Result<String, String> {
    render_for("1.34.4", arguments)
}

fn render_for(kubernetes: &str, arguments: &[&str]) -> Result<String, String> {
    let cluster = ["-n", "longshore-system", "--kube-version", kubernetes];
    helm(&["template", "longshore"], &[&cluster, arguments].concat())
}

/// The default class that the operator makes from the rendered chart.
pub fn default_class(rendered: &str) -> String {
    let config = only(rendered, "ConfigMap");
    config["data"]["classes.yaml"].as_str().expect("the file is text").to_owned()
}

#[test]
fn lint_finds_nothing() {
    let text = helm(&["lint", "--strict"], &[]).unwrap();
    assert!(text.contains("0 chart(s) failed"), "{text}");
}

#[test]
fn only_known_kinds_are_made() {
    for object in documents(&render(&["--set", "metrics.service.enabled=true"]).unwrap()) {
        let kind = object["kind"].as_str().unwrap();
        assert!(KINDS.contains(&kind), "{kind}");
    }
}

#[test]
fn every_pod_is_restricted() {
    let pod = &only(&render(&[]).unwrap(), "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    for container in pod["containers"].as_array().unwrap() {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["capabilities"]["drop"][0], "ALL");
        assert!(container["resources"]["limits"]["memory"].is_string());
    }
}

#[test]
fn the_operator_may_do_only_what_it_does() {
    for object in documents(&render(&[]).unwrap()) {
        for rule in object["rules"].as_array().into_iter().flatten() {
            for word in ["apiGroups", "resources", "verbs"].iter().flat_map(|list| list_of(&rule[*list])) {
                assert!(!word.contains('*'), "{rule}");
                assert!(
                    !["secrets", "pods/exec", "serviceaccounts/token", "nodes/proxy"].contains(&word),
                    "{rule}"
                );
                assert!(!["escalate", "bind", "impersonate", "deletecollection"].contains(&word), "{rule}");
            }
            if list_of(&rule["verbs"]).contains(&"delete") {
                assert_eq!(list_of(&rule["resources"]), ["configmaps"], "nothing else is ever deleted");
            }
        }
    }
}

#[test]
fn one_watched_namespace_needs_rights_there_only() {
    let rendered = render(&["--set", "watchNamespace=cameras"]).unwrap();
    let role = only(&rendered, "Role");
    assert_eq!(role["metadata"]["namespace"], "cameras");
    let rules = only(&rendered, "ClusterRole")["rules"].clone();
    let writes: Vec<&Value> = rules
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| list_of(&rule["verbs"]).iter().any(|verb| !["get", "list", "watch"].contains(verb)))
        .collect();
    assert_eq!(writes.len(), 1, "only default classes are written: {writes:?}");
    assert_eq!(writes[0]["resources"][0], "offloadclasses");
    let arguments = &only(&rendered, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"];
    assert!(list_of(arguments).contains(&"--watch-namespace=cameras"), "{arguments}");
}

#[test]
fn definitions_are_kept_unless_the_owner_says_otherwise() {
    let kept = |arguments: &[&str]| {
        let definitions = documents(&render(arguments).unwrap());
        let definitions = definitions.iter().filter(|object| object["kind"] == "CustomResourceDefinition");
        definitions
            .map(|one| one["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep")
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(&[]), [true, true]);
    assert_eq!(kept(&["--set", "crds.keep=false"]), [false, false]);
    assert_eq!(kept(&["--set", "crds.enabled=false"]), Vec::<bool>::new());
}

#[test]
fn wrong_values_are_refused_by_name() {
    for (values, word) in [
        ("imagee.tag=x", "imagee"),
        ("image.tagg=x", "tagg"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("resyncSeconds=soon", "resyncSeconds"),
        ("crds.keep=maybe", "keep"),
        ("defaultClass.allowedImagePrefixes={registry.example/models}", "allowedImagePrefixes"),
        ("operator.resources.requests.cpu=1", "cpu"),
    ] {
        let message = render(&["--set", values]).expect_err(values);
        assert!(message.contains(word), "{values}: {message}");
    }
}

#[test]
fn an_old_cluster_is_refused() {
    let message = render_for("1.32.4", &[]).expect_err("native sidecars are not stable there");
    assert!(message.contains("1.33"), "{message}");
    render_for("v1.34.4+k3s1", &[]).unwrap();
}

#[test]
fn the_default_class_is_a_class() {
    for (values, sources) in [
        ("image.registry=registry.example/longshore", r#"["Image"]"#),
        ("defaultClass.allowedImagePrefixes={registry.example/models/}", r#"["Image"]"#),
        ("defaultClass.allowedHosts={models.site.example}", r#"["Https"]"#),
        (
            "defaultClass.allowedHosts={a.example},defaultClass.allowedImagePrefixes={b.example/}",
            r#"["Image","Https"]"#,
        ),
    ] {
        let classes = documents(&default_class(&render(&["--set", values]).unwrap()));
        let [class] = &classes[..] else { panic!("{values}: {classes:?}") };
        assert_eq!(crate::client::judge_class(class), Vec::<String>::new(), "{values}");
        assert_eq!(class["metadata"]["annotations"][crds::DEFAULT_CLASS_ANNOTATION], "true");
        assert_eq!(class["spec"]["models"]["allowedSources"].to_string(), sources);
    }
    let without = render(&["--set", "defaultClass.enabled=false"]).unwrap();
    assert!(!without.contains("--default-classes") && !without.contains("kind: ConfigMap"), "{without}");
}

#[test]
fn without_a_named_source_the_default_class_takes_models_from_our_own_registry() {
    let values = ["--set", "image.registry=registry.example/longshore"];
    let class = documents(&default_class(&render(&values).unwrap())).remove(0);
    assert_eq!(class["spec"]["models"]["allowedImagePrefixes"], json!(["registry.example/longshore/"]));
}

#[test]
fn the_values_of_the_k3s_example_make_the_class() {
    let example = documents(&read("charts/examples/k3s-helmchart.yaml")).remove(0);
    let values = documents(example["spec"]["valuesContent"].as_str().unwrap()).remove(0);
    let values = values.as_object().unwrap().iter().map(|(key, value)| format!("--set-json={key}={value}"));
    let values: Vec<String> = values.collect();
    let rendered = render(&values.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let class = documents(&default_class(&rendered)).remove(0);
    assert_eq!(crate::client::judge_class(&class), Vec::<String>::new());
    assert_eq!(class["spec"]["models"]["allowedImagePrefixes"][0], "registry.example/models/");
}

#[test]
fn examples_name_images_of_this_machine_or_placeholders_with_a_digest() {
    let mut images = 0;
    for file in fs::read_dir(root().join("charts/examples")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let fields = text.lines().filter_map(|line| line.trim_start().split_once(": "));
        for (_, image) in fields.filter(|(field, _)| ["image", "reference"].contains(field)) {
            let is_placeholder = image.starts_with("registry.example/") && image.contains("@sha256:");
            assert!(is_placeholder || image.starts_with("localhost/longshore/"), "{image}");
            images += 1;
        }
    }
    assert_eq!(images, 3, "the examples are read right");
}

fn helm(command: &[&str], arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program("helm"))
        .args(command)
        .arg(root().join("charts/longshore"))
        .args(arguments)
        .output()
        .unwrap();
    let (text, errors) = words(&output);
    if output.status.success() { Ok(text) } else { Err(text + &errors) }
}

fn only(rendered: &str, kind: &str) -> Value {
    let mut found = documents(rendered);
    found.retain(|object| object["kind"] == kind);
    assert_eq!(found.len(), 1, "{kind}");
    found.remove(0)
}

fn list_of(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
