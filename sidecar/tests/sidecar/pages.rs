//! Pages of our own and the words that ride on answers.

use crate::{
    harness::{Folder, Sidecar, eventually},
    server::Server,
};

#[test]
fn load_is_reported_on_its_page_and_on_answers_that_ask() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let load = sidecar.get("/v1alpha1/load").json();
    assert_eq!(load["application_utilization"], 0.0);
    assert_eq!(load["named_metrics"]["service_p95_ms"], 0.0);
    let reply = sidecar.infer("endpoint-load-metrics-format: json\r\n", "{}");
    let header = reply.header("endpoint-load-metrics").unwrap();
    let json: serde_json::Value = serde_json::from_str(header.strip_prefix("JSON ").unwrap()).unwrap();
    assert!(json["named_metrics"]["service_p95_ms"].as_f64().unwrap() > 0.0, "{json}");
    let reply = sidecar.infer("endpoint-load-metrics-format: text\r\n", "{}");
    assert!(reply.header("endpoint-load-metrics").unwrap().starts_with("TEXT "));
    let refused = sidecar
        .client()
        .ask("GET /nowhere HTTP/1.1\r\nHost: a\r\nendpoint-load-metrics-format: json\r\n\r\n");
    assert!(refused.header("endpoint-load-metrics").is_some(), "refusals report too");
    assert!(sidecar.get("/v1alpha1/load").json()["rps_fractional"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_containers_own_use_is_reported_where_the_kernel_tells_it() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let cgroups = std::fs::read_to_string(format!("/proc/{}/cgroup", sidecar.process.id())).unwrap();
    let own = cgroups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let is_told = std::path::Path::new("/sys/fs/cgroup").join(own).join("memory.current").exists();
    let load = sidecar.get("/v1alpha1/load").json();
    assert_eq!(load["mem_utilization"].as_f64().unwrap() > 0.0, is_told, "{load}");
}

#[test]
fn load_rides_on_every_answer_where_that_is_wished() {
    let server = Server::start();
    let sidecar = Sidecar::with(&server, |config| config["loadHeader"] = "Always".into());
    assert!(sidecar.infer("", "{}").header("endpoint-load-metrics").unwrap().starts_with("JSON "));
}

#[test]
fn the_endpoint_says_who_it_is() {
    let server = Server::start();
    let folder = Folder::new();
    let nodes =
        folder.file("nodes.json", r#"{"nodes":[{"name":"edge-9","url":"http://192.0.2.19:1","zone":"z9"}]}"#);
    let sidecar =
        Sidecar::with(&server, |config| config["advertise"]["nodesFile"] = nodes.to_str().unwrap().into());
    let info = sidecar.get("/v1alpha1/endpoint").json();
    assert_eq!(
        (&info["endpointId"], &info["url"], &info["zone"]),
        (&"edge-3".into(), &"http://192.0.2.13:30080".into(), &"site-a".into())
    );
    assert_eq!((&info["model"]["name"], &info["maxConcurrency"]), (&"m".into(), &4.into()));
    assert!(info.get("serviceTimes").is_none(), "nothing is measured");
    sidecar.infer("", "{}");
    assert!(
        sidecar.get("/v1alpha1/endpoint").json()["serviceTimes"]["p95Microseconds"].as_u64().unwrap() > 0
    );
    assert_eq!(sidecar.admin("/v1alpha1/endpoint").json()["endpointId"], "edge-3", "the operator asks there");
    let sidecar = Sidecar::with(&server, |config| {
        config["advertise"] = serde_json::json!({"endpointId": "edge-9", "nodesFile": nodes});
    });
    assert_eq!(sidecar.get("/v1alpha1/endpoint").json()["url"], "http://192.0.2.19:1");
}

const POLICY: &str = r#"{"revision":"4-6f0c","model":{"name":"m","labels":["no","yes"]},"policy":{},
    "deadlines":{"defaultMilliseconds":200,"maxMilliseconds":2000},"maxPayloadBytes":1024}"#;

#[test]
fn the_policy_has_endpoints_and_times_and_a_tag_that_follows_the_files() {
    let server = Server::start();
    let folder = Folder::new();
    let policy = folder.file("policy.json", POLICY);
    let nodes = folder.file("nodes.json", r#"{"nodes":[{"name":"edge-3","url":"http://192.0.2.13:30080","serviceTimes":{"p50Microseconds":9100,"p95Microseconds":15800}}]}"#);
    let sidecar = Sidecar::with(&server, |config| {
        config["policyFile"] = policy.to_str().unwrap().into();
        config["advertise"]["nodesFile"] = nodes.to_str().unwrap().into();
    });
    let first = sidecar.get("/v1alpha1/policy");
    assert_eq!(first.json()["endpoints"][0]["name"], "edge-3");
    assert_eq!(
        first.json()["endpoints"][0]["serviceTimes"]["p95Microseconds"],
        15_800,
        "of the node, by the operator"
    );
    assert_eq!(first.json()["model"]["labels"][1], "yes");
    assert!(first.json().get("serviceTimes").is_none(), "nothing is measured");
    let tag = first.header("etag").unwrap().to_owned();
    assert!(tag.starts_with("\"4-6f0c"), "{tag}");

    sidecar.infer("", "{}");
    assert!(sidecar.get("/v1alpha1/policy").json()["serviceTimes"]["p50Microseconds"].as_u64().unwrap() > 0);
    let ask = format!("GET /v1alpha1/policy HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\n\r\n");
    let same = sidecar.client().ask(&ask);
    assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, Some(tag.as_str())));

    folder.file("other.json", r#"{"nodes":[{"name":"edge-3","url":"http://192.0.2.13:30081"}]}"#);
    std::fs::rename(folder.0.join("other.json"), &nodes).unwrap();
    eventually("the change", || sidecar.client().ask(&ask).status == 200);
    assert_ne!(sidecar.get("/v1alpha1/policy").header("etag"), Some(tag.as_str()));

    std::fs::write(&nodes, "{ half a fi").unwrap();
    eventually("the warning", || {
        sidecar.get("/v1alpha1/policy");
        sidecar.log().contains("file kept as it was")
    });
    let kept = sidecar.get("/v1alpha1/policy").json();
    assert_eq!(kept["endpoints"][0]["url"], "http://192.0.2.13:30081", "the last good one stays");
}

#[test]
fn without_a_policy_there_is_none() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    sidecar.get("/v1alpha1/policy").refused(404, "not_found");
}

#[test]
fn metadata_is_relayed() {
    let server = Server::start();
    server.set_metadata(r#"{"name":"m","inputs":[{"name":"a","datatype":"BYTES","shape":[1]}]}"#);
    let sidecar = Sidecar::start(&server);
    let reply = sidecar.get("/v2/models/m");
    assert_eq!((reply.status, reply.outcome()), (200, "served"));
    assert_eq!(reply.json()["name"], "m");
    assert_eq!(reply.header("longshore-endpoint"), Some("edge-3"));
}

#[test]
fn admin_pages_are_read_only() {
    let server = Server::start();
    let sidecar = Sidecar::start(&server);
    let post = crate::harness::Client::to(sidecar.admin)
        .ask("POST /drained HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(post.status, 405);
    assert_eq!(sidecar.admin("/other").status, 404);
    let metrics = sidecar.admin("/metrics").text();
    for name in ["requests_running 0", "requests_queued 0", "wait_seconds_count 0", "service_seconds_count 0"]
    {
        assert!(metrics.contains(&format!("longshore_sidecar_{name}")), "{name}\n{metrics}");
    }
}
