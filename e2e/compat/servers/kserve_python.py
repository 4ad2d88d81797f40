"""KServe's Python server, with the models `affine` (numbers) and `shout` (words). In: ports, and how long an answer takes.
Out: a server on loopback."""

import argparse
import asyncio

import grpc.aio
import numpy as np
import uvicorn


class Loopback(uvicorn.Config):
    def __init__(self, app, **options):
        super().__init__(app, **{**options, "host": "127.0.0.1"})


def loopback_grpc(*arguments, make=grpc.aio.server, **options):
    server = make(*arguments, **options)
    add = server.add_insecure_port
    server.add_insecure_port = lambda address: add(address.replace("[::]", "127.0.0.1"))
    return server


# KServe listens on every address and has no option for it. Set before it is imported.
uvicorn.Config = Loopback
grpc.aio.server = loopback_grpc

from kserve import InferOutput, InferResponse, Model, ModelServer  # noqa: E402


class Numbers(Model):
    def __init__(self, delay):
        super().__init__("affine")
        self.delay = delay
        self.ready = True

    async def get_input_types(self):
        return [{"name": "x", "datatype": "FP32", "shape": [2, 4]}]

    async def get_output_types(self):
        return [{"name": "y", "datatype": "FP32", "shape": [2, 4]}]

    async def predict(self, payload, headers=None, response_headers=None):
        await asyncio.sleep(self.delay)
        return answer(payload, "y", "FP32", payload.inputs[0].as_numpy() * 2 + 1)


class Words(Model):
    def __init__(self):
        super().__init__("shout")
        self.ready = True

    async def get_input_types(self):
        return [{"name": "word", "datatype": "BYTES", "shape": [-1]}]

    async def get_output_types(self):
        return [{"name": "loud", "datatype": "BYTES", "shape": [-1]}]

    async def predict(self, payload, headers=None, response_headers=None):
        words = payload.inputs[0].as_numpy()
        return answer(payload, "loud", "BYTES", np.array([upper(word) for word in words], dtype=object))


def upper(word):
    # Binary tensors come as bytes, JSON as text.
    return word.upper() if isinstance(word, bytes) else word.encode().upper()


def answer(request, name, datatype, array):
    output = InferOutput(name=name, shape=list(array.shape), datatype=datatype)
    # Over HTTP the request says whether it wants binary tensors; KServe sees to that.
    output.set_data_from_numpy(array, binary_data=request.from_grpc)
    return InferResponse(model_name=request.model_name, infer_outputs=[output], response_id=request.id or "")


def main():
    arguments = argparse.ArgumentParser()
    # KServe reads the same command line when it is imported; its own words cannot be shortened ones of these.
    arguments.add_argument("--http_port", type=int, required=True)
    arguments.add_argument("--grpc_port", type=int, required=True)
    arguments.add_argument("--delay", type=float, default=0.0, help="seconds that `affine` takes for an answer")
    own = arguments.parse_args()
    ModelServer(http_port=own.http_port, grpc_port=own.grpc_port, workers=1).start([Numbers(own.delay), Words()])


main()
