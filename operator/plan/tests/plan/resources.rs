//! What holds for every plan.

use std::collections::BTreeSet;

use k8s_openapi::{
    api::core::v1::{Pod, Service},
    apimachinery::pkg::apis::meta::v1::Time,
};
use plan::{Inputs, Resources, names};
use serde_json::{Value, json};

use crate::support;

fn planned(change: impl FnOnce(&mut Inputs)) -> Resources {
    let mut inputs = support::case("image-on-accelerator");
    change(&mut inputs);
    support::planned(&inputs)
}

fn children(plan: &Resources) -> Vec<Value> {
    let Value::Object(map) = support::tree(plan) else { panic!("a plan is a map") };
    map.into_iter().filter(|(key, _)| key != "deletions").map(|(_, child)| child).collect()
}

#[test]
fn every_child_names_owner_namespace_and_labels() {
    for behaviour in ["image-on-accelerator", "https-on-cpu", "longest-name"] {
        let inputs = support::case(behaviour);
        let offload = &inputs.offload.metadata;
        for child in children(&support::planned(&inputs)) {
            let metadata = &child["metadata"];
            let owner = &metadata["ownerReferences"][0];
            assert_eq!(metadata["namespace"], offload.namespace.clone().unwrap());
            assert_eq!(metadata["labels"]["longshore.dev/offload"], offload.name.clone().unwrap());
            assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "longshore");
            assert_eq!(owner["uid"], offload.uid.clone().unwrap());
            assert_eq!((&owner["controller"], &owner["blockOwnerDeletion"]), (&true.into(), &true.into()));
            assert!(metadata["annotations"]["longshore.dev/plan-hash"].is_string(), "{child}");
            assert!(metadata["name"].as_str().unwrap().len() <= 63, "{child}");
        }
    }
}

#[test]
fn long_names_that_begin_alike_stay_apart() {
    let of = |last: char| {
        let mut inputs = support::case("longest-name");
        let name = inputs.offload.metadata.name.as_mut().unwrap();
        name.pop();
        name.push(last);
        children(&support::planned(&inputs))
            .iter()
            .map(|child| child["metadata"]["name"].as_str().unwrap().to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert!(of('x').is_disjoint(&of('y')));
}

#[test]
fn selectors_never_change() {
    let selectors = |plan: &Resources| {
        [
            serde_json::to_value(&plan.model.spec.as_ref().unwrap().selector.match_labels).unwrap(),
            serde_json::to_value(&plan.service.spec.as_ref().unwrap().selector).unwrap(),
            serde_json::to_value(&plan.peers.spec.as_ref().unwrap().selector).unwrap(),
        ]
    };
    let want = serde_json::json!({"longshore.dev/offload": "person-detect"});
    let changed = planned(|inputs| {
        inputs.offload.spec.model.version = "8".into();
        inputs.offload.spec.model.name = Some("other".into());
        inputs.offload.metadata.generation = Some(99);
        inputs.settings.sidecar_image = "longshore.example/sidecar:2".into();
        inputs.classes[0].spec.runtime.image = "registry.example/tritonserver:26".into();
    });
    for plan in [planned(|_| {}), changed] {
        for selector in selectors(&plan) {
            assert_eq!(selector, want);
        }
    }
}

#[test]
fn pods_are_made_anew_only_for_what_they_serve() {
    let template = |plan: Resources| serde_json::to_value(plan.model.spec.unwrap().template).unwrap();
    let before = template(planned(|_| {}));
    let policy_only = template(planned(|inputs| {
        inputs.offload.spec.offload_policy.battery_low_percent = 50;
        inputs.offload.spec.replicas = Some(1);
        inputs.offload.metadata.generation = Some(4);
    }));
    assert_eq!(before, policy_only);
    let admission = template(planned(|inputs| inputs.offload.spec.admission.max_concurrency = 9));
    assert_ne!(before, admission);
}

#[test]
fn the_policy_has_a_revision_for_each_content() {
    let revision = |change: fn(&mut Inputs)| bundle(change).revision;
    let one = revision(|_| {});
    let other = revision(|inputs| inputs.offload.spec.offload_policy.battery_low_percent = 50);
    assert!(one.starts_with("3-") && other.starts_with("3-"), "{one} {other}");
    assert_ne!(one, other);
}

#[test]
fn the_policy_of_an_offload_that_was_created_again_is_another_one() {
    let (first, second) =
        (bundle(|_| {}), bundle(|inputs| inputs.offload.metadata.uid = Some("second".into())));
    assert_eq!(second.offload_uid, "second");
    assert_ne!(first.offload_uid, second.offload_uid);
    assert_ne!(first.revision, second.revision, "its ETag must not be the old one's");
}

#[test]
fn the_policy_says_when_it_was_issued_at_the_earliest() {
    let at = |seconds| Some(Time(jiff::Timestamp::from_second(seconds).unwrap()));
    let issued = |offload, pods: &[i64]| {
        let plan = planned(|inputs| {
            inputs.offload.metadata.creation_timestamp = at(offload);
            let pod = |seconds: &i64| {
                let mut pod = Pod::default();
                pod.metadata.creation_timestamp = at(*seconds);
                pod
            };
            inputs.world.pods = pods.iter().map(pod).collect();
        });
        let text = &plan.policy.data.unwrap()["policy.json"];
        serde_json::from_str::<wire::PolicyBundle>(text).unwrap()
    };
    assert_eq!(issued(1_000, &[]).issued_at_unix_seconds, Some(1_000));
    let later = issued(1_000, &[3_000, 2_000]);
    assert_eq!(later.issued_at_unix_seconds, Some(3_000), "a pod is younger");
    assert_eq!(later.revision, issued(1_000, &[]).revision, "that alone is no news to devices");
}

fn bundle(change: fn(&mut Inputs)) -> wire::PolicyBundle {
    serde_json::from_str(&planned(change).policy.data.unwrap()["policy.json"]).unwrap()
}

#[test]
fn the_sidecar_reads_what_is_planned() {
    let plan = planned(|_| {});
    let text = &plan.sidecar_config.data.as_ref().unwrap()["config.yaml"];
    let config: wire::SidecarConfig = support::yaml(text);
    assert_eq!(config.model.name, "person");
    assert_eq!(config.upstream.http.as_deref(), Some("http://127.0.0.1:8000"));
    assert_eq!(config.admission.max_concurrency, 3);
    let name = plan.sidecar_config.metadata.name.as_deref().unwrap();
    assert_eq!(name, names::sidecar_config("person-detect", text.as_bytes()));
    let template = serde_json::to_string(&plan.model).unwrap();
    assert!(template.contains(name));
    let grace = plan.model.spec.unwrap().template.spec.unwrap().termination_grace_period_seconds.unwrap();
    let drain = config.drain.quiet_milliseconds + config.drain.deadline_milliseconds;
    assert!(config.drain.deadline_milliseconds >= 1_500);
    assert_eq!(u64::try_from(grace).unwrap() * 1_000, drain + 10_000);
}

#[test]
fn nothing_stands_before_the_check_of_the_model_file() {
    let init = |change: fn(&mut Inputs)| {
        let pod = planned(change).model.spec.unwrap().template.spec.unwrap();
        pod.init_containers.unwrap().into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    assert_eq!(init(|_| {}), ["verify", "sidecar"]);
    let unnamed = init(|inputs| {
        inputs.offload.spec.model.digest = None;
        inputs.classes[0].spec.models.digest = crds::class::DigestRule::Optional;
    });
    assert_eq!(unnamed, ["sidecar"]);
    let pod = support::planned(&support::case("https-on-cpu")).model.spec.unwrap().template.spec.unwrap();
    let names: Vec<String> = pod.init_containers.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["fetch", "sidecar"]);
}

#[test]
fn only_a_recorded_port_may_move() {
    let port = |service: &Service| service.spec.as_ref().unwrap().ports.as_ref().unwrap()[0].node_port;
    let ports = |behaviour: &str| {
        let plan = support::planned(&support::case(behaviour));
        (port(&plan.service), plan.service_elsewhere.as_ref().map(port))
    };
    assert_eq!(ports("suspended"), (Some(31_555), Some(None)), "of the status");
    assert_eq!(ports("image-on-accelerator"), (Some(30_085), None), "of the spec");
    assert_eq!(ports("https-on-cpu"), (None, None));
}

#[test]
fn devices_are_told_what_the_status_records_of_the_model_on_each_node() {
    let times =
        |p50: u64| Some(wire::bundle::ServiceTimes { p50_microseconds: p50, p95_microseconds: 2 * p50 });
    let mut inputs = support::case("cut-off-node");
    let digest = inputs.offload.spec.model.digest.clone().unwrap();
    let row = |node: &str, digest: &str, p50: u64| {
        json!({"node": node, "digest": digest, "concurrency": 4, "serviceTimeP50Microseconds": p50,
            "serviceTimeP95Microseconds": 2 * p50, "measuredAt": "2026-11-24T00:00:00Z"})
    };
    let older = format!("sha256:{}", "9".repeat(64));
    let rows =
        json!([row("edge-1", &digest, 9_000), row("edge-1", &older, 1_000), row("edge-2", &older, 2_000)]);
    let told = |inputs: &Inputs| {
        let text = support::planned(inputs).policy.data.unwrap().remove("nodes.json").unwrap();
        let table: wire::NodeTable = serde_json::from_str(&text).unwrap();
        table.nodes.into_iter().map(|node| (node.name, node.service_times)).collect::<Vec<_>>()
    };
    assert_eq!(told(&inputs), [("edge-1".into(), None), ("edge-2".into(), None)]);
    inputs.offload.status = Some(serde_json::from_value(json!({"capacity": rows})).unwrap());
    assert_eq!(told(&inputs), [("edge-1".into(), times(9_000)), ("edge-2".into(), None)]);
}

#[test]
fn a_pod_that_leaves_takes_its_node_out_of_the_table() {
    let nodes = |leaving: &[&str]| {
        let mut inputs = support::case("cut-off-node");
        for pod in &mut inputs.world.pods {
            if leaving.contains(&pod.metadata.name.as_deref().unwrap()) {
                pod.metadata.deletion_timestamp =
                    Some(serde_json::from_value(Value::from("2026-11-24T00:00:00Z")).unwrap());
            }
        }
        let text = support::planned(&inputs).policy.data.unwrap().remove("nodes.json").unwrap();
        let table: wire::NodeTable = serde_json::from_str(&text).unwrap();
        table.nodes.into_iter().map(|node| node.name).collect::<Vec<_>>()
    };
    assert_eq!(nodes(&[]), ["edge-1", "edge-2"]);
    assert_eq!(nodes(&["p-1"]), ["edge-1", "edge-2"], "another pod of the node stays");
    assert_eq!(nodes(&["p-1", "p-1b"]), ["edge-2"]);
    assert_eq!(nodes(&["p-2"]), ["edge-1"]);
}

#[test]
fn unused_configurations_go_with_their_preconditions() {
    let plan = support::planned(&support::case("stale-configuration"));
    let gone: Vec<(&str, &str, &str)> = plan
        .deletions
        .iter()
        .map(|one| (one.name.as_str(), one.uid.as_str(), one.resource_version.as_str()))
        .collect();
    assert_eq!(
        gone,
        [("person-detect-sidecar-older", "u-4", "104"), ("person-detect-sidecar-unused", "u-1", "101")]
    );
}
