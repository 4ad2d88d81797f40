"""KServe's own client, over HTTP or gRPC as the second argument says."""

import asyncio
import sys

import grpc
import httpx
from case import other, see, targets
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

PROTOCOL = sys.argv[2]


def describe(error):
    if isinstance(error, httpx.HTTPStatusError):
        return f"status {error.response.status_code}"
    if isinstance(error, grpc.RpcError):
        return str(error.code())
    return other(error)


def request(target, binary):
    inputs = []
    for tensor in target.inputs:
        taken = InferInput(name=tensor.name, shape=list(tensor.array.shape), datatype=tensor.datatype)
        taken.set_data_from_numpy(tensor.array, binary_data=binary)
        inputs.append(taken)
    return InferRequest(model_name=target.model, infer_inputs=inputs, request_id="r-1")


def seen(answer):
    values = {output.name: output.as_numpy() for output in answer.outputs}
    return {"model": answer.model_name, "id": answer.id, "values": values}


class Http:
    def __init__(self, target):
        self.url = f"http://{target.http}"

    @property
    def client(self):
        # One for each call: where a server failed it may close the connection, and the next call would meet that.
        return InferenceRESTClient(RESTConfig(protocol="v2", timeout=20))

    def cases(self, target):
        yield "server live", lambda: self.client.is_server_live(self.url)
        yield "server ready", lambda: self.client.is_server_ready(self.url)
        yield "model ready", lambda: self.client.is_model_ready(self.url, target.model)
        yield "infer, JSON", lambda: self.infer(target, False)
        yield "infer, binary", lambda: self.infer(target, True)
        yield "infer, another model", lambda: self.infer(target, False, "another")

    async def infer(self, target, binary, model=None):
        return seen(await self.client.infer(self.url, request(target, binary), model_name=model or target.model))


class Grpc:
    def __init__(self, target):
        self.client = InferenceGRPCClient(target.grpc, timeout=20)

    def cases(self, target):
        yield "server live", self.client.is_server_live
        yield "server ready", self.client.is_server_ready
        yield "model ready", lambda: self.client.is_model_ready(target.model)
        yield "infer", lambda: self.infer(target)
        yield "another model ready", lambda: self.client.is_model_ready("another")

    async def infer(self, target):
        return seen(await self.client.infer(request(target, True)))


async def main():
    for target in targets():
        client = Http(target) if PROTOCOL == "http" else Grpc(target)
        for case, call in client.cases(target):
            saw, error = None, None
            try:
                saw = await call()
            except Exception as raised:  # noqa: BLE001  # what the user of the client gets
                error = raised
            see(target, case, lambda: given(saw, error), describe)


def given(saw, error):
    if error is not None:
        raise error
    return saw


asyncio.run(main())
