//! The second judge: a real API server, asked with kubectl as a user asks.

use serde_json::{Value, json};

use crate::{
    chart, objects,
    rules::{Row, rules, schema},
    tools::ApiServer,
};

/// One server for all that is asked here: starting it takes longer than asking.
#[test]
fn a_real_api_server_agrees() {
    let server = ApiServer::start("rules");
    takes_the_examples(&server);
    takes_the_chart(&server);
    refuses_each_row(&server, &rules());
    refuses_each_row(&server, &schema());
    fills_in_defaults(&server);
    explains_fields(&server);
    prints_columns(&server);
    scales(&server);
    refuses_a_status_through_the_object(&server);
}

fn refuses_each_row(server: &ApiServer, rows: &[Row]) {
    let objects: Vec<Value> = rows.iter().enumerate().map(|(number, row)| row.object(number)).collect();
    // Documents and not a List: kubectl would judge a List itself and never ask the server.
    let stream = objects.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
    let (created, errors) = server.kubectl(&["create", "--validate=strict", "-f", "-"], &stream);
    assert_eq!(created, "", "nothing of this may be taken");
    let refusals: Vec<&str> = errors.split("Error from server").collect();
    for (object, row) in objects.iter().zip(rows) {
        let name = object["metadata"]["name"].to_string();
        // A field that does not exist is refused before the object has a name.
        let is_named = |refusal: &str| refusal.contains(&name) || row.message.starts_with("unknown field");
        let refused = refusals.iter().any(|refusal| refusal.contains(row.message) && is_named(refusal));
        assert!(refused, "{name} must be refused with {:?}; got {errors}", row.message);
    }
}

fn takes_the_examples(server: &ApiServer) {
    for example in ["person-detect", "class-triton-nvidia"] {
        let yaml = objects::read(&format!("charts/examples/{example}.yaml"));
        server.kubectl_works(&["apply", "--validate=strict", "-f", "-"], &yaml);
        let again = server.kubectl_works(&["apply", "--validate=strict", "-f", "-"], &yaml);
        assert!(again.lines().all(|line| line.ends_with("unchanged")), "{again}");
    }
}

fn takes_the_chart(server: &ApiServer) {
    server.kubectl_works(&["create", "namespace", "longshore-system"], "");
    let warn = "pod-security.kubernetes.io/warn=restricted";
    server.kubectl_works(&["label", "namespace", "longshore-system", warn], "");
    let values = "metrics.service.enabled=true,defaultClass.allowedHosts={models.site.example}";
    let rendered = chart::render(&["--set", values]).unwrap();
    let apply = ["apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-"];
    let (_, errors) = server.kubectl(&apply, &rendered);
    assert_eq!(errors, "", "no refusal and no warning of pod security");
    server.kubectl_works(&apply, &chart::default_class(&rendered));
}

fn fills_in_defaults(server: &ApiServer) {
    let object = objects::smallest_offload();
    let made = server.kubectl_works(&["create", "-o", "json", "-f", "-"], &object.to_string());
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made["spec"], crate::client::defaulted(&object)["spec"]);
}

fn explains_fields(server: &ApiServer) {
    for (field, words) in [
        ("iof.spec.model.digest", "verified before anything loads the file"),
        ("inferenceoffloads.spec.offloadPolicy.batteryLowPercent", "work moves to the edge"),
        ("inferenceoffloads.status.endpoints", "Where devices dial"),
        ("offloadclasses.spec.runtime.upstream.http", "Open Inference Protocol"),
        ("offloadclasses.spec.endpoint.quota.serverMillisecondsPerSecond", "in milliseconds of each second"),
        ("offloadclasses.spec.endpoint.tls.minimumVersion", "1.2 is for clients that know no newer one"),
    ] {
        let text =
            server.kubectl_works(&["explain", field], "").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(words), "{field}: {text}");
    }
}

fn prints_columns(server: &ApiServer) {
    let table = server.kubectl_works(&["get", "iof", "-A"], "");
    assert_eq!(titles(&table), ["NAMESPACE", "NAME", "READY", "REPLICAS", "MODEL", "CLASS", "AGE"]);
    let table = server.kubectl_works(&["get", "iof", "-n", "cameras", "-o", "wide"], "");
    assert_eq!(titles(&table), ["NAME", "READY", "REPLICAS", "MODEL", "CLASS", "ENDPOINT", "AGE"]);

    let class = ["patch", "offloadclass", "demo-gpu", "--type=merge", "-p"];
    let default = r#"{"metadata":{"annotations":{"longshore.dev/is-default-class":"true"}}}"#;
    server.kubectl_works(&[&class[..], &[default]].concat(), "");
    let table = server.kubectl_works(&["get", "offloadclass", "demo-gpu"], "");
    assert_eq!(titles(&table), ["NAME", "ACCELERATOR", "EXPOSURE", "DEFAULT", "AGE"]);
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().take(4).collect();
    assert_eq!(row, ["demo-gpu", "nvidia.com/gpu", "NodePort", "true"]);
}

fn scales(server: &ApiServer) {
    let offload = ["-n", "cameras", "iof/person-detect"];
    server.kubectl_works(&[&["scale", "--replicas=7"], &offload[..]].concat(), "");
    let replicas =
        server.kubectl_works(&[&["get", "-o", "jsonpath={.spec.replicas}"], &offload[..]].concat(), "");
    assert_eq!(replicas, "7");

    let status = r#"{"status":{"replicas":3,"selector":"longshore.dev/offload=person-detect"}}"#;
    let patch = ["patch", "--subresource=status", "--type=merge", "-p", status];
    server.kubectl_works(&[&patch, &offload[..]].concat(), "");
    let path = "/apis/longshore.dev/v1alpha1/namespaces/cameras/inferenceoffloads/person-detect/scale";
    let scale: Value = serde_json::from_str(&server.kubectl_works(&["get", "--raw", path], "")).unwrap();
    assert_eq!(scale["status"], json!({"replicas": 3, "selector": "longshore.dev/offload=person-detect"}));
}

fn refuses_a_status_through_the_object(server: &ApiServer) {
    let patch = ["patch", "-n", "cameras", "iof/smallest", "--type=merge", "-o", "json", "-p"];
    let after = server.kubectl_works(&[&patch[..], &[r#"{"status":{"replicas":9}}"#]].concat(), "");
    let after: Value = serde_json::from_str(&after).unwrap();
    assert_eq!(after.get("status"), None, "only the status subresource takes a status");
}

fn titles(table: &str) -> Vec<&str> {
    table.lines().next().unwrap_or_default().split_whitespace().collect()
}
