"""Runs the clients and compares. In: servers and the ways to them. Out: a row per server, client and way, with every call
that did not come out as it must."""

import json
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import meant
from processes import Failed

CLIENTS = Path(__file__).parent / "clients"
CLIENT_SECONDS = 120


@dataclass(frozen=True)
class Client:
    name: str
    environment: str
    command: tuple
    speaks_grpc: bool


ALL = (
    Client("curl", "clients", ("curl.py",), False),
    Client("tritonclient HTTP", "clients", ("triton_http.py",), False),
    Client("tritonclient HTTP asyncio", "clients", ("triton_aio.py", "http"), False),
    Client("tritonclient gRPC", "clients", ("triton_grpc.py",), True),
    Client("tritonclient gRPC asyncio", "clients", ("triton_aio.py", "grpc"), True),
    Client("KServe client HTTP", "kserve", ("kserve_client.py", "http"), False),
    Client("KServe client gRPC", "kserve", ("kserve_client.py", "grpc"), True),
    Client("grpcio", "clients", ("grpcio.py",), True),
)


@dataclass(frozen=True)
class Way:
    """How a client reaches a model: straight, or through something."""

    name: str
    model: str
    http: str
    grpc: str | None


@dataclass
class Row:
    server: str
    client: str
    way: str
    calls: int = 0
    direct: int = 0
    through: int = 0
    met: set = field(default_factory=set)
    wrong: list = field(default_factory=list)


DIRECT, SIDECAR, BY_ENVOY, GRPC_ALONE = "direct", "sidecar", "Envoy, sidecar", "sidecar, gRPC alone"


def look(places, server, client, ways):
    """Makes each call of a client in every way; a row for each way but the direct one."""
    begun = time.monotonic()
    ways = [way for way in ways if client.speaks_grpc or way.name != GRPC_ALONE]
    saw = run(places, client, ways)
    rows = {way.name: Row(server.name, client.name, way.name) for way in ways if way.name != DIRECT}
    for way in ways:
        if way.name != DIRECT:
            compare(rows[way.name], client, saw[DIRECT, way.model], saw[way.name, way.model], way.model)
    for row in rows.values():
        print(f"    {server.name:18} {client.name:27} {row.way:22} {verdict(row)}", flush=True)
    print(f"    {'':69} {time.monotonic() - begun:5.1f} s", flush=True)
    return list(rows.values())


def verdict(row):
    differ = f", {len(row.wrong)} NOT AS IT MUST BE" if row.wrong else ""
    return f"{row.calls:3} calls{differ}"


def run(places, client, ways):
    """What was seen, by way and model, then by call."""
    targets = [
        {"id": f"{way.name}/{way.model}", "model": way.model, "http": way.http, "grpc": way.grpc} for way in ways
    ]
    script, *rest = client.command
    command = [places.python(client.environment), CLIENTS / script, json.dumps(targets), *rest]
    log = places.folder / f"{client.name}.log"
    with log.open("w") as errors:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=errors, timeout=CLIENT_SECONDS, text=True, check=False
        )
    if done.returncode:
        raise Failed(f"{client.name} ended with {done.returncode}\n{log.read_text()[-4000:]}")
    saw = {(way.name, way.model): {} for way in ways}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        saw[tuple(row.pop("target").split("/"))][row.pop("case")] = row
    return saw


def compare(row, client, direct, through, model):
    for case, straight in direct.items():
        got = through.get(case, {"refused": "nothing"})
        row.calls += 1
        row.direct += "answer" in straight
        row.through += "answer" in got
        if got == straight:
            continue
        known = meant.known(client.name, case, straight, got)
        if known:
            row.met.add(known)
        else:
            row.wrong.append(f"{row.server}, {client.name}, {row.way}, {model}: {case}\n"
                             f"    direct:  {short(straight)}\n    through: {short(got)}")


def short(saw):
    return json.dumps(saw, ensure_ascii=False)[:600]
