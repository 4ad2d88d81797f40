"""curl: the paths of the protocol over HTTP/1.0, 1.1 and 2, and the ways in which a body can be sent."""

import json
import subprocess
import tempfile
from pathlib import Path

from case import megabyte, see, targets


class Refused(Exception):
    """What curl or a status says."""


def curl(target, path, *options):
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder, "body")
        told = "%{http_code} %{http_version} %{content_type}"
        done = subprocess.run(
            ["curl", "-sS", "-m", "20", "-o", body, "-w", told, *options, f"http://{target.http}{path}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Refused("no answer")
        status, version, kind = (done.stdout + " ").split(" ", 2)
        if status != "200":
            raise Refused(f"status {status}")
        text = body.read_text() if body.exists() else ""
        return {"version": version.split(".")[0], "type": kind.strip(), "body": parsed(text)}


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def infer(target, text, *options):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        json_type = ("-H", "Content-Type: application/json")
        return curl(target, f"/v2/models/{target.model}/infer", "--data-binary", f"@{file.name}", *json_type, *options)


def request(target, array=None):
    tensor = target.inputs[0]
    data = [word.decode() if isinstance(word, bytes) else float(word)
            for word in (tensor.array if array is None else array).flatten().tolist()]
    shape = list((tensor.array if array is None else array).shape)
    row = {"name": tensor.name, "datatype": tensor.datatype, "shape": shape, "data": data}
    return json.dumps({"id": "r-1", "inputs": [row]})


def cases(target):
    model, small = f"/v2/models/{target.model}", request(target)
    yield "server metadata", lambda: curl(target, "/v2")
    yield "server live", lambda: curl(target, "/v2/health/live")
    yield "server ready", lambda: curl(target, "/v2/health/ready")
    yield "model metadata", lambda: curl(target, model)
    yield "model ready", lambda: curl(target, f"{model}/ready")
    yield "model metadata, a query behind it", lambda: curl(target, f"{model}?verbose=1")
    yield "model metadata, HTTP/1.0", lambda: curl(target, model, "--http1.0")
    yield "model metadata, HTTP/2", lambda: curl(target, model, "--http2-prior-knowledge")
    yield "model metadata, offer of HTTP/2", lambda: curl(target, model, "--http2")
    yield "model metadata, HEAD", lambda: curl(target, model, "-I") and "told"
    yield "infer", lambda: infer(target, small)
    yield "infer, HTTP/1.0", lambda: infer(target, small, "--http1.0")
    yield "infer, HTTP/2", lambda: infer(target, small, "--http2-prior-knowledge")
    yield "infer, offer of HTTP/2", lambda: infer(target, small, "--http2")
    yield "infer, chunked", lambda: infer(target, small, "-H", "Transfer-Encoding: chunked")
    yield "infer, waits for 100 Continue", lambda: infer(target, small, "-H", "Expect: 100-continue")
    yield "infer, takes compressed answers", lambda: infer(target, small, "--compressed")
    yield "infer, no content type", lambda: infer(target, small, "-H", "Content-Type:")
    if target.inputs[0].datatype == "BYTES":
        yield "infer, 1 MiB", lambda: infer(target, request(target, megabyte()))
    yield "infer, not JSON", lambda: infer(target, "not JSON")
    yield "infer, GET", lambda: curl(target, f"{model}/infer")
    yield "no such path", lambda: curl(target, "/v2/no-such-path")
    yield "another model's metadata", lambda: curl(target, "/v2/models/another")
    yield "list of models", lambda: curl(target, "/v2/repository/index", "-d", "{}") and "told"
    yield "unload the model", lambda: curl(target, "/v2/repository/models/another/unload", "-d", "{}") and "told"
    yield "metrics", lambda: curl(target, "/metrics") and "told"
    yield "V1 protocol, predict", lambda: curl(target, f"/v1/models/{target.model}:predict", "-d", '{"instances":[]}')


def main():
    for target in targets():
        for case, call in cases(target):
            see(target, case, call, lambda error: str(error) if isinstance(error, Refused) else repr(error))


main()
