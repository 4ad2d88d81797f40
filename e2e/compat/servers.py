"""The model servers behind the sidecar. In: where their virtual environments are. Out: servers that are ready, on loopback."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from processes import Program, free_ports, says_yes

HERE = Path(__file__).parent / "servers"
EXAMPLE = Path(__file__).parents[2] / "examples" / "person-detect" / "model" / "blazeface-person.onnx"
MODELS = ("affine", "shout")


@dataclass
class Server:
    name: str
    models: tuple
    http: str
    grpc: str | None
    program: Program

    def wait_ready(self):
        for model in self.models:
            url = f"http://{self.http}/v2/models/{model}/ready"
            self.program.wait_for(f"model {model}", lambda url=url: says_yes(url))
        return self

    def upstream(self):
        both = {"http": f"http://{self.http}"}
        return {**both, "grpc": f"http://{self.grpc}"} if self.grpc else both


def at(port):
    return f"127.0.0.1:{port}"


def triton(places):
    http, grpc, metrics = free_ports(3)
    python = places.python("triton")
    # Its Python backend must find the library of the Python that it runs, not one of the system.
    ask = "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"
    library = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    command = [python, HERE / "triton.py", "--http", http, "--grpc", grpc, "--metrics", metrics]
    program = Program("triton", command, places.folder, {"LD_LIBRARY_PATH": library})
    return Server("Triton", MODELS, at(http), at(grpc), program)


def mlserver(places):
    http, grpc, metrics = free_ports(3)
    settings = {
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": str(http),
        "MLSERVER_GRPC_PORT": str(grpc),
        "MLSERVER_METRICS_PORT": str(metrics),
        "MLSERVER_PARALLEL_WORKERS": "0",
        "PYTHONPATH": str(HERE / "mlserver"),
    }
    command = [places.python("mlserver").parent / "mlserver", "start", HERE / "mlserver"]
    program = Program("mlserver", command, places.folder, settings)
    return Server("MLServer", MODELS, at(http), at(grpc), program)


def kserve(places, name="kserve", delay=0.0):
    http, grpc = free_ports(2)
    python = places.python("kserve")
    command = [python, HERE / "kserve_python.py", "--http_port", http, "--grpc_port", grpc, "--delay", delay]
    return Server("KServe", MODELS, at(http), at(grpc), Program(name, command, places.folder))


def runtime(places):
    (http,) = free_ports(1)
    model = "person-detect"
    file = places.folder / "models" / model / "1" / "model.onnx"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(EXAMPLE.read_bytes())
    command = [places.programs / "longshore-runtime", "--models", places.folder / "models", "--listen", at(http)]
    return Server("longshore-runtime", (model,), at(http), None, Program("runtime", command, places.folder))


ALL = (triton, mlserver, kserve, runtime)
