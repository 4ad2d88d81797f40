"""Clients that choose by load. In: two KServe servers, one ten times as fast, a sidecar before each. Out: what Envoy and
grpcio made of the loads that the sidecars report."""

import json
import subprocess

import servers
from envoy import BY_TURNS, Envoy, weighted
from matrix import CLIENT_SECONDS, CLIENTS
from processes import Failed

FAST_SECONDS, SLOW_SECONDS = 0.01, 0.1
# By turns it is a half. By Little's law the load is the time of an answer, so that ten times the time is a tenth of the weight.
TURNS, WEIGHTED = (0.42, 0.58), (0.6, 1.0)
TOO_LATE = {"status": "StatusCode.RESOURCE_EXHAUSTED", "outcome": "too_late"}
FIGURES = {"utilization": True, "rate": True, "named": ["service_p50_ms", "service_p95_ms"]}


def seen(run):
    """Each case and what came of it."""
    print("==> Clients that choose by load, between a fast and a slow endpoint", flush=True)
    pair = [("fast", FAST_SECONDS), ("slow", SLOW_SECONDS)]
    started = [servers.kserve(run.places, f"kserve-{name}", delay) for name, delay in pair]
    for server in started:
        run.keep(server.program)
    addresses = []
    for (name, _), server in zip(pair, started, strict=True):
        sidecar = run.keep(run.places.sidecar(name, "affine", server.wait_ready().upstream()))
        addresses.append(sidecar.wait_ready().address)
    ways = [("by turns", addresses, BY_TURNS), ("weighted by the header", addresses, weighted(False))]
    envoy = run.keep(Envoy(run.places, "envoy-pair", ways))
    asked = {"pair": addresses, "envoy": envoy.ports}
    command = [run.places.python("clients"), CLIENTS / "balance.py", json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False)
    if done.returncode:
        raise Failed(f"balance.py ended with {done.returncode}\n{done.stderr[-4000:]}")
    cases = [(row["case"], row["saw"]) for row in map(json.loads, done.stdout.splitlines())]
    for case, saw in cases:
        print(f"    {case:40} {json.dumps(saw)}", flush=True)
    return cases


def is_right(case, saw):
    if case.startswith("report"):
        return saw == FIGURES
    if "deadline" in case:
        return saw == TOO_LATE
    low, high = TURNS if "turns" in case else WEIGHTED
    return saw.get("others") == [] and low <= saw["fast"] <= high


def wrong(cases):
    return [f"{case}: {json.dumps(saw)}" for case, saw in cases if not is_right(case, saw)]
