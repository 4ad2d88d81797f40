"""Envoy as a client of sidecars. In: sidecars. Out: Envoy with one port that leads to each, and two that lead to a pair: by
turns, and weighted by the load that the sidecars report."""

import json

from processes import Program, free_ports

EXTENSIONS = "type.googleapis.com/envoy.extensions"
MANAGER = f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager"
PROTOCOLS = f"{EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions"
WEIGHTED = "client_side_weighted_round_robin"
BY_TURNS = {"lb_policy": "ROUND_ROBIN"}


def weighted(is_out_of_band):
    config = {
        "@type": f"{EXTENSIONS}.load_balancing_policies.{WEIGHTED}.v3.ClientSideWeightedRoundRobin",
        "blackout_period": "0.2s",
        "weight_update_period": "0.1s",
    }
    if is_out_of_band:
        config |= {"enable_oob_load_report": True, "oob_reporting_period": "0.1s"}
    extension = {"name": f"envoy.load_balancing_policies.{WEIGHTED}", "typed_config": config}
    return {"load_balancing_policy": {"policies": [{"typed_extension_config": extension}]}}


def endpoint(address):
    host, port = address.split(":")
    return {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}


def cluster(name, addresses, protocol, policy):
    explicit = {"http_protocol_options": {}} if protocol == "http1" else {"http2_protocol_options": {}}
    options = {"@type": PROTOCOLS, "explicit_http_config": explicit}
    return {
        "name": name,
        "connect_timeout": "5s",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [endpoint(address) for address in addresses]}],
        },
        **policy,
    }


def listener(port, name):
    """gRPC goes on as HTTP/2, the rest as HTTP/1.1."""
    http2 = {"match": {"prefix": "/", "grpc": {}}, "route": {"cluster": f"{name}-http2", "timeout": "30s"}}
    http1 = {"match": {"prefix": "/"}, "route": {"cluster": f"{name}-http1", "timeout": "30s"}}
    router = {"@type": f"{EXTENSIONS}.filters.http.router.v3.Router"}
    manager = {
        "@type": MANAGER,
        "stat_prefix": name,
        "http_protocol_options": {"accept_http_10": True},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [http2, http1]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"name": name, "address": address, "filter_chains": [{"filters": filters}]}


class Envoy(Program):
    """`ways` is a list of (name, addresses, policy)."""

    def __init__(self, places, name, ways):
        ports = free_ports(len(ways))
        self.ports = {way: f"127.0.0.1:{port}" for (way, _, _), port in zip(ways, ports, strict=True)}
        clusters = [
            cluster(f"{way}-{protocol}", addresses, protocol, policy)
            for way, addresses, policy in ways
            for protocol in ("http1", "http2")
        ]
        listeners = [listener(port, way) for (way, _, _), port in zip(ways, ports, strict=True)]
        config = {"static_resources": {"listeners": listeners, "clusters": clusters}}
        file = places.folder / f"{name}.json"
        file.write_text(json.dumps(config))
        binary = places.python("clients").parent / "envoy"
        options = ["--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning"]
        super().__init__(name, [binary, "-c", file, *options], places.folder)
