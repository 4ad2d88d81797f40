//! How each proxy is set up: one worker, kept connections to the server behind, no access log, otherwise its defaults; room
//! for the connections of the test. In: the backend and ports. Out: the text of a configuration.

use std::path::Path;

use serde_json::{Value, json};

use crate::backend::Backend;

/// More connections than any measure opens.
const CONNECTIONS_MAX: usize = 4096;
/// Longer than any request is held.
const TIMEOUT_SECONDS: u64 = 60;

/// The ways through a proxy, each a port.
#[derive(Clone, Copy)]
pub struct Ports {
    /// To the backend over TCP.
    pub tcp: u16,
    /// To the backend over its Unix socket.
    pub unix: u16,
    /// Over TCP, with the proxy's other way to treat bodies.
    pub other: u16,
    /// gRPC.
    pub grpc: u16,
    /// Of administration.
    pub admin: u16,
}

/// The sidecar has one upstream: `unix` says which.
pub fn sidecar(backend: &Backend, ports: Ports, unix: bool) -> String {
    let http =
        if unix { format!("unix:{}", backend.socket.display()) } else { format!("http://{}", backend.tcp) };
    let port = if unix { ports.unix } else { ports.tcp };
    let milliseconds = TIMEOUT_SECONDS * 1000;
    // JSON is YAML.
    json!({
        "listen": format!("127.0.0.1:{port}"),
        "admin": format!("127.0.0.1:{}", ports.admin),
        "upstream": {"http": http, "grpc": format!("http://{}", backend.grpc)},
        "model": {"name": "bench"},
        "admission": {"maxConcurrency": 64, "maxQueueDepth": 64, "defaultTimeoutMilliseconds": milliseconds,
                      "maxTimeoutMilliseconds": milliseconds},
        "limits": {"connections": CONNECTIONS_MAX},
    })
    .to_string()
}

/// HAProxy; its other way is splicing where it sees fit.
pub fn haproxy(backend: &Backend, ports: Ports) -> String {
    let Ports { tcp, unix, other, grpc, .. } = ports;
    format!(
        "global\n  nbthread 1\n  maxconn {CONNECTIONS_MAX}\n\
         defaults\n  mode http\n  http-reuse always\n  timeout connect 5s\n  timeout client {TIMEOUT_SECONDS}s\n  \
         timeout server {TIMEOUT_SECONDS}s\n\
         listen tcp\n  bind 127.0.0.1:{tcp}\n  server model {http}\n\
         listen unix\n  bind 127.0.0.1:{unix}\n  server model unix@{socket}\n\
         listen splice\n  bind 127.0.0.1:{other}\n  option splice-auto\n  server model {http}\n\
         listen grpc\n  bind 127.0.0.1:{grpc} proto h2\n  server model {behind} proto h2\n",
        http = backend.tcp,
        socket = backend.socket.display(),
        behind = backend.grpc,
    )
}

/// nginx; its other way is not to gather a request's body before it asks the server.
pub fn nginx(backend: &Backend, ports: Ports, folder: &Path) -> String {
    let Ports { tcp, unix, other, .. } = ports;
    let folder = folder.display();
    let upstream = |name, server: &str| {
        format!(
            "upstream {name} {{ server {server}; keepalive 128; keepalive_requests 1000000000; keepalive_timeout 300s; }}\n"
        )
    };
    let server = |port, name, more| {
        format!("server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{name}; {more} }} }}\n")
    };
    [
        format!(
            "user root;\nworker_processes 1;\ndaemon off;\npid {folder}/nginx.pid;\nerror_log stderr error;\n\
             worker_rlimit_nofile {files};\nevents {{ worker_connections {CONNECTIONS_MAX}; }}\nhttp {{\n\
             access_log off;\nclient_max_body_size 8m;\nkeepalive_requests 1000000000;\nkeepalive_timeout 300s;\n\
             proxy_http_version 1.1;\nproxy_set_header Connection \"\";\nproxy_read_timeout {TIMEOUT_SECONDS}s;\n",
            files = 2 * CONNECTIONS_MAX
        ),
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
            .concat(),
        upstream("tcp", &backend.tcp.to_string()),
        upstream("unix", &format!("unix:{}", backend.socket.display())),
        server(tcp, "tcp", ""),
        server(other, "tcp", "proxy_request_buffering off;"),
        server(unix, "unix", ""),
        "}\n".into(),
    ]
    .concat()
}

/// Envoy, as JSON.
pub fn envoy(backend: &Backend, ports: Ports) -> String {
    let socket = |port| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let http = |address: Value| (address, Value::Null);
    let ways = [
        ("tcp", ports.tcp, http(socket(backend.tcp.port()))),
        ("unix", ports.unix, http(json!({"pipe": {"path": backend.socket}}))),
        ("grpc", ports.grpc, (socket(backend.grpc.port()), json!({"http2_protocol_options": {}}))),
    ];
    let listeners = ways.iter().map(|(name, port, _)| envoy_listener(name, socket(*port)));
    let clusters = ways.iter().map(|(name, _, (address, protocol))| envoy_cluster(name, address, protocol));
    json!({"static_resources": {"listeners": listeners.collect::<Value>(), "clusters": clusters.collect::<Value>()}})
        .to_string()
}

fn envoy_listener(name: &str, address: Value) -> Value {
    let route = json!({"match": {"prefix": "/"}, "route": {"cluster": name, "timeout": format!("{TIMEOUT_SECONDS}s")}});
    json!({"name": name, "address": address, "filter_chains": [{"filters": [{
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": name,
            "route_config": {"virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}]},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        },
    }]}]})
}

fn envoy_cluster(name: &str, address: &Value, protocol: &Value) -> Value {
    let mut cluster = json!({"name": name, "type": "STATIC", "connect_timeout": "5s", "load_assignment": {
        "cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}});
    if !protocol.is_null() {
        cluster["typed_extension_protocol_options"] = json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": protocol}});
    }
    cluster
}
