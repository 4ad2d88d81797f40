"""Where a sidecar is meant to differ from the server behind it. In: a call and what came of it. Out: the reason, if there is
one. A difference that is not listed here fails the run, and so does a line here that nothing meets."""

from dataclasses import dataclass

REASONS = {
    "owner": "Model control, configuration, statistics, trace and log settings and metrics are the server's owner's: none of "
    "them can be reached by a device. The sidecar's metrics are on its admin address.",
    "memory": "Shared memory is memory of the server's machine; a device has none there.",
    "stream": "Streamed inference is Triton's own method. It would pass no admission.",
    "compressed": "A compressed gRPC message is refused: the name of its model could not be compared, and tensors hardly "
    "shrink. gRPC compresses only what becomes shorter by it.",
    "method": "A path takes the one method that the protocol gives it; anything else is 405.",
    "other": "An endpoint serves one model. Any other is not found, whatever the server says of it.",
    "path": "Paths beyond the Open Inference Protocol v2 are not found, whatever the server says of them.",
    "status": "A refusal by the server is INVALID_ARGUMENT, whichever code it chose among those that stand for a 4xx.",
    "failed": "Where the server fails, with a 5xx or a broken connection, the answer is 502.",
    "readable": "The sidecar's refusals have the `error` that the client looks for, and the server's have not.",
    "health": "Health is answered by the sidecar: of its two services, and also where the server does not answer.",
    "reflection": "Reflection is answered by the sidecar, also where the server does not answer.",
    "http2": "HTTP/2 is spoken by the sidecar, also before a server that does not speak it.",
}


@dataclass(frozen=True)
class Meant:
    """One line of the list. Empty words match everything that begins so."""

    reason: str
    clients: str
    cases: str
    through: str | None  # the refusal that is seen through the sidecar; none: an answer
    loses: bool = False  # also where it works at the server


HTTP, GRPC, STUB, KSERVE = "tritonclient HTTP", "tritonclient gRPC", "grpcio", "KServe client"
NO_METHOD = "StatusCode.UNIMPLEMENTED"
OWNERS = ("model configuration", "model statistics", "trace settings", "log settings", "repository index")
MEMORY = ("shared memory, infer", "shared memory, status", "CUDA shared memory, status")

LIST = (
    *(Meant("owner", HTTP, case, "status 404", loses=True) for case in OWNERS),
    *(Meant("owner", GRPC, case, NO_METHOD, loses=True) for case in OWNERS),
    *(Meant("owner", "curl", case, "status 404", loses=True) for case in ("list of models", "unload the model", "metrics")),
    *(Meant("memory", HTTP, case, "status 404", loses=True) for case in MEMORY),
    *(Meant("memory", GRPC, case, NO_METHOD, loses=True) for case in MEMORY),
    Meant("stream", GRPC, "infer, in a stream", "no stream", loses=True),
    Meant("compressed", GRPC, "infer, 1 MiB, gzip", NO_METHOD, loses=True),
    Meant("method", "curl", "model metadata, HEAD", "status 405", loses=True),
    Meant("other", GRPC, "another model ready", "StatusCode.NOT_FOUND", loses=True),
    Meant("other", KSERVE, "another model ready", "StatusCode.NOT_FOUND", loses=True),
    Meant("path", "curl", "V1 protocol, predict", "status 404"),
    Meant("status", GRPC, "infer, version 1", "StatusCode.INVALID_ARGUMENT"),
    Meant("failed", HTTP, "infer", "status 502"),
    Meant("failed", "curl", "infer, not JSON", "status 502"),
    Meant("failed", KSERVE, "infer, binary", "status 502"),
    Meant("readable", HTTP, "infer", "status 422"),
    Meant("readable", HTTP, "shared memory, a region that is not there", "status 422"),
    Meant("health", STUB, "health,", None),
    Meant("health", STUB, "health, no such service", "StatusCode.NOT_FOUND", loses=True),
    Meant("reflection", STUB, "reflection", None),
    Meant("http2", "curl", "model metadata, HTTP/2", None),
    Meant("http2", "curl", "infer, HTTP/2", None),
    Meant("http2", "curl", "infer, offer of HTTP/2", None),
)


def known(client, case, straight, got):
    """The line that a difference meets."""
    is_loss = "answer" in straight
    for line in LIST:
        names = client.startswith(line.clients) and case.startswith(line.cases)
        if names and got.get("refused") == line.through and (line.loses or not is_loss):
            return line
    return None


def unmet(rows):
    met = {line for row in rows for line in row.met}
    return [f"nothing differs any more as listed: {line}" for line in LIST if line not in met]
