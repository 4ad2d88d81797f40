"""What the clients here share. In: targets, as JSON in the first argument. Out: a line of JSON for every call, with what the
client saw; nothing here knows whether a target is a model server or a sidecar before it."""

import hashlib
import json
import math
import sys
import urllib.request
from dataclasses import dataclass

import numpy as np


@dataclass
class Tensor:
    name: str
    datatype: str
    array: np.ndarray


class Target:
    """A model behind an address, and what it takes and gives."""

    def __init__(self, row):
        self.id, self.model, self.http, self.grpc = row["id"], row["model"], row["http"], row["grpc"]
        with urllib.request.urlopen(f"http://{self.http}/v2/models/{self.model}", timeout=10) as answer:
            metadata = json.load(answer)
        self.inputs = [tensor(row) for row in metadata["inputs"]]
        self.outputs = [row["name"] for row in metadata["outputs"]]


def targets():
    return [Target(row) for row in json.loads(sys.argv[1])]


def tensor(row):
    """The same numbers or words each time."""
    shape = [2 if int(size) < 0 else int(size) for size in row["shape"]]
    count = math.prod(shape)
    if row["datatype"] == "BYTES":
        array = np.array([f"Wörd {index}".encode() for index in range(count)], dtype=object)
    else:
        array = (np.arange(count) % 16 / 8 - 1).astype(np.float32)
    return Tensor(row["name"], row["datatype"], array.reshape(shape))


def megabyte():
    """One long word."""
    return np.array([b"abcdefgh" * (1 << 17)], dtype=object)


def see(target, case, call, describe):
    """Makes a call and prints what came of it: an answer, or the kind of a refusal."""
    try:
        saw = {"answer": plain(call())}
    except Exception as error:  # noqa: BLE001  # whatever a client throws is what its user gets
        saw = {"refused": describe(error)}
    print(json.dumps({"target": target.id, "case": case, **saw}), flush=True)


def other(error):
    """An error that is not the client's own."""
    return f"{type(error).__name__}: {error}"


def plain(value):
    """As JSON can hold it; long values as their length and a sum."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (bytes, np.bytes_)):
        return plain(value.decode())
    if isinstance(value, str) and len(value) > 200:
        return f"{len(value)} characters, hash {hash_of(value)}"
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    return value


def hash_of(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12]
