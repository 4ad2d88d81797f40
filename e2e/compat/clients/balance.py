"""Clients that choose between two endpoints by the load that these report. In: how to reach a fast one and a slow one. Out:
the share of requests that the fast one got; and the report in each of its forms, read by the decoder of the xDS project."""

import base64
import http.client
import json
import subprocess
import sys
import threading
import urllib.request
from collections import Counter

import grpc
from google.protobuf import json_format
from tritonclient.grpc import service_pb2, service_pb2_grpc
from xds.data.orca.v3.orca_load_report_pb2 import OrcaLoadReport

WORKERS = 8
NUMBERS = {"name": "x", "datatype": "FP32", "shape": [2, 4], "data": [float(number) for number in range(8)]}
BODY = json.dumps({"inputs": [NUMBERS]})
PATH = "/v2/models/affine/infer"


def share(open_one, requests):
    """Closed loops. The first third teaches the client and is not counted."""
    seen = [[] for _ in range(WORKERS)]
    each = requests // WORKERS

    def work(mine):
        ask = open_one()
        for _ in range(each):
            mine.append(ask())

    threads = [threading.Thread(target=work, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = Counter(name for mine in seen for name in mine[each // 3 :])
    others = sorted(set(counted) - {"fast", "slow"})
    return {"fast": round(counted["fast"] / max(counted.total(), 1), 2), "others": others}


def over_http(address):
    connection = http.client.HTTPConnection(address, timeout=20)

    def ask():
        connection.request("POST", PATH, BODY, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.headers["longshore-endpoint"] if answer.status == 200 else f"status {answer.status}"

    return ask


def request():
    message = service_pb2.ModelInferRequest(model_name="affine")
    message.inputs.add(name="x", datatype="FP32", shape=[2, 4]).contents.fp32_contents.extend(NUMBERS["data"])
    return message


def over_grpc(channel):
    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)

    def ask():
        try:
            _, call = stub.ModelInfer.with_call(request(), timeout=20)
        except grpc.RpcError as error:
            return f"{error.code()} {error.details()}"
        return dict(call.trailing_metadata())["longshore-endpoint"]

    return ask


def grpc_channel(addresses, policy):
    config = json.dumps({"loadBalancingConfig": [policy]})
    # Else the authority of a request is the list of addresses, which is none.
    options = [("grpc.service_config", config), ("grpc.default_authority", "longshore")]
    return grpc.insecure_channel("ipv4:" + ",".join(addresses), options=options)


def by_grpc(addresses, policy):
    with grpc_channel(addresses, policy) as channel:
        return share(lambda: over_grpc(channel), 800)


def weighted(**more):
    times = {"blackoutPeriod": "0.2s", "weightUpdatePeriod": "0.1s"}
    return {"weighted_round_robin": {**times, **more}}


def figures(report):
    """What must be there right after an inference at an idle endpoint; the rest is a matter of the moment."""
    return {"utilization": report.application_utilization <= 1, "rate": report.rps_fractional > 0,
            "named": sorted(set(report.named_metrics) & {"service_p50_ms", "service_p95_ms"})}


def header(address, form):
    asked = urllib.request.Request(f"http://{address}{PATH}", BODY.encode())
    asked.add_header("Content-Type", "application/json")
    asked.add_header("endpoint-load-metrics-format", form)
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return answer.headers


def as_json(address):
    text = header(address, "json")["endpoint-load-metrics"].removeprefix("JSON ")
    return figures(json_format.Parse(text, OrcaLoadReport()))


def as_binary(address):
    return figures(OrcaLoadReport.FromString(base64.b64decode(header(address, "bin")["endpoint-load-metrics-bin"])))


def as_page(address):
    with urllib.request.urlopen(f"http://{address}/v1alpha1/load", timeout=20) as answer:
        return figures(json_format.Parse(answer.read(), OrcaLoadReport()))


def as_trailer(address):
    """By curl: grpcio keeps this trailer to itself."""
    message = request().SerializeToString()
    kind = ["-H", "Content-Type: application/grpc", "-H", "TE: trailers"]
    options = ["-sS", "-m", "20", "--http2-prior-knowledge", "-D", "-", "-o", "/dev/null", "--data-binary", "@-"]
    command = ["curl", *options, *kind, f"http://{address}/inference.GRPCInferenceService/ModelInfer"]
    frame = b"\0" + len(message).to_bytes(4, "big") + message
    told = subprocess.run(command, input=frame, capture_output=True, timeout=30, check=True).stdout.decode()
    lines = dict(line.split(": ", 1) for line in told.splitlines() if ": " in line)
    text = lines["endpoint-load-metrics-bin"]
    return figures(OrcaLoadReport.FromString(base64.b64decode(text + "=" * (-len(text) % 4))))


def too_short(address):
    """Less time than an answer takes, once the endpoint knows how long that is: refused at once, by deadline or by header."""
    with grpc.insecure_channel(address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        stub.ModelInfer(request(), timeout=20)
        try:
            stub.ModelInfer(request(), metadata=[("longshore-deadline-ms", "10")], timeout=20)
        except grpc.RpcError as error:
            return {"status": str(error.code()), "outcome": dict(error.trailing_metadata())["longshore-outcome"]}
    return {"status": "served"}


def main():
    asked = json.loads(sys.argv[1])
    pair = asked["pair"]
    fast, slow = pair
    cases = {f"Envoy, {way}": lambda at=at: share(lambda: over_http(at), 800) for way, at in asked["envoy"].items()}
    cases |= {
        "grpcio, by turns": lambda: by_grpc(pair, {"round_robin": {}}),
        "grpcio, weighted by the trailer": lambda: by_grpc(pair, weighted()),
        "report as JSON header": lambda: as_json(fast),
        "report as binary header": lambda: as_binary(fast),
        "report as page": lambda: as_page(fast),
        "report as gRPC trailer": lambda: as_trailer(fast),
        "a deadline under the time of an answer": lambda: too_short(slow),
    }
    for case, call in cases.items():
        try:
            saw = call()
        except Exception as error:  # noqa: BLE001  # a failure is a result
            saw = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps({"case": case, "saw": saw}), flush=True)


main()
