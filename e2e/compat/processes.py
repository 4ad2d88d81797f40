"""Programs that a run starts and ends: model servers, sidecars, Envoy. In: a command. Out: a process with a log, which is
answered for: it ends with the run, with all that it started."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

START_SECONDS = 60


class Failed(Exception):
    """A program did not do what a run needs."""


class Program:
    def __init__(self, name, command, folder, env=None):
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("wb") as log:
            # A group of its own, so that its children end with it.
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=folder,
                start_new_session=True,
            )

    def wait_for(self, what, condition):
        """Until a condition holds. Returns what it gave."""
        until = time.monotonic() + START_SECONDS
        while not (found := condition()):
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}\n{self.tail()}")
            if time.monotonic() > until:
                raise Failed(f"{self.name}: waited {START_SECONDS} s in vain for {what}\n{self.tail()}")
            time.sleep(0.05)
        return found

    def tail(self):
        lines = self.log.read_text(errors="replace").splitlines()[-30:]
        return "\n".join([f"the end of {self.log}:", *lines])

    def stop(self):
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, kind)
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                pass
            return


def free_ports(count):
    """Ports that nobody has at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def says_yes(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


class Sidecar(Program):
    """The endpoint before one model of a server."""

    def __init__(self, binary, name, model, upstream, folder):
        config = {
            "listen": "127.0.0.1:0",
            "admin": "127.0.0.1:0",
            "upstream": upstream,
            "model": {"name": model},
            "admission": {
                "maxConcurrency": 8,
                "defaultTimeoutMilliseconds": 20_000,
                "maxTimeoutMilliseconds": 20_000,
            },
            "advertise": {"endpointId": name},
            # Envoy and gRPC never ask for it.
            "loadHeader": "Always",
            "drain": {"quietMilliseconds": 1, "deadlineMilliseconds": 5_000},
        }
        file = folder / f"{name}.yaml"
        file.write_text(json.dumps(config))
        super().__init__(name, [binary, "--config", file], folder, {"RUST_LOG": "info"})
        line = self.wait_for("its start", self.started)
        self.address, self.admin = line["listen"], line["admin"]

    def started(self):
        lines = self.log.read_text(errors="replace").splitlines()
        return next((json.loads(line) for line in lines if '"started"' in line), None)

    def wait_ready(self):
        self.wait_for("readiness", lambda: says_yes(f"http://{self.admin}/readyz"))
        return self
