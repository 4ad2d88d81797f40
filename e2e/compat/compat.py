"""Real servers and clients around the sidecar: each call is made at the server and through the sidecar, and what the client
sees is compared. In: programs and virtual environments. Out: what passed; exit code 1 where something did not."""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import matrix
import meant
import page
import servers
import shares
from envoy import BY_TURNS, Envoy
from matrix import BY_ENVOY, DIRECT, GRPC_ALONE, SIDECAR, Way
from processes import Failed, Sidecar


@dataclass(frozen=True)
class Places:
    environments: Path
    programs: Path
    folder: Path

    def python(self, name):
        return self.environments / name / "bin" / "python"

    def sidecar(self, name, model, upstream):
        return Sidecar(self.programs / "longshore-sidecar", name, model, upstream, self.folder)


class Run:
    """What was started, so that it is also ended."""

    def __init__(self, places):
        self.places, self.programs = places, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs):
            program.stop()

    def keep(self, program):
        self.programs.append(program)
        return program


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--environments", type=Path, required=True)
    arguments.add_argument("--programs", type=Path, required=True)
    arguments.add_argument("--server", help="look at this one alone, and leave docs/compat.md")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="longshore-compat-") as folder:
        places = Places(asked.environments, asked.programs, Path(folder))
        with Run(places) as run:
            passed, wrong = everything(run, asked.server)
    for line in wrong:
        print(f"FAILED {line}")
    print(f"compat: {passed} passed" + (f", {len(wrong)} failed" if wrong else ""))
    sys.exit(bool(wrong))


def everything(run, only):
    """How many comparisons came out as they must, and those that did not."""
    rows, seen, wrong = [], [], []
    try:
        rows = compared(run, only)
        seen = shares.seen(run)
    except Failed as failure:
        wrong.append(str(failure))
    wrong += [line for row in rows for line in row.wrong] + shares.wrong(seen)
    passed = sum(row.calls for row in rows) + len(seen) - len(wrong)
    if only is None:
        wrong += meant.unmet(rows)
        page.compare(rows)
    return passed, wrong


def compared(run, only):
    chosen = [make for make in servers.ALL if only in (None, make.__name__)]
    print(f"==> Model servers start: {', '.join(make.__name__ for make in chosen)}", flush=True)
    started = [make(run.places) for make in chosen]
    for server in started:
        run.keep(server.program)
    ways = {server.name: ways_to(run, server.wait_ready()) for server in started}
    print("==> Every call at the server and through the sidecar", flush=True)
    rows = []
    for server in started:
        for client in matrix.ALL:
            if server.grpc or not client.speaks_grpc:
                rows += matrix.look(run.places, server, client, ways[server.name])
    return rows


def ways_to(run, server):
    """Straight, through a sidecar for each model, through Envoy and these, and through one that knows only gRPC."""
    ways = [Way(DIRECT, model, server.http, server.grpc) for model in server.models]
    sidecars = {}
    for model in server.models:
        name = f"{server.program.name}-{model}"
        sidecars[name] = run.keep(run.places.sidecar(name, model, server.upstream()))
        ways.append(Way(SIDECAR, model, sidecars[name].address, sidecars[name].address))
    pairs = [(name, [sidecar.address], BY_TURNS) for name, sidecar in sidecars.items()]
    envoy = run.keep(Envoy(run.places, f"envoy-{server.program.name}", pairs))
    for model in server.models:
        port = envoy.ports[f"{server.program.name}-{model}"]
        ways.append(Way(BY_ENVOY, model, port, port))
    if server.grpc:
        model = server.models[0]
        alone = run.places.sidecar(f"{server.program.name}-grpc", model, {"grpc": f"http://{server.grpc}"})
        sidecars["grpc"] = run.keep(alone)
        ways.append(Way(GRPC_ALONE, model, server.http, alone.address))
    for sidecar in sidecars.values():
        sidecar.wait_ready()
    return ways


if __name__ == "__main__":
    main()
