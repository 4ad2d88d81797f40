"""tritonclient with asyncio, over HTTP or gRPC as the second argument says."""

import asyncio
import importlib
import sys

from case import other, see, targets
from tritonclient.utils import InferenceServerException

PROTOCOL = sys.argv[2]
aio = importlib.import_module(f"tritonclient.{PROTOCOL}.aio")


def describe(error):
    if not isinstance(error, InferenceServerException):
        return other(error)
    return error.status() if PROTOCOL == "grpc" else f"status {error.status()}"


def tensors(target):
    for tensor in target.inputs:
        taken = aio.InferInput(tensor.name, tensor.array.shape, tensor.datatype)
        taken.set_data_from_numpy(tensor.array)
        yield taken


async def infer(client, target, **options):
    result = await client.infer(target.model, list(tensors(target)), request_id="r-1", **options)
    return {name: result.as_numpy(name) for name in target.outputs}


async def many(client, target):
    return await asyncio.gather(*(infer(client, target) for _ in range(8)))


async def ten_in_a_row(client, target):
    return [await infer(client, target) for _ in range(10)]


def cases(target):
    model = target.model
    yield "server live", lambda client: client.is_server_live()
    yield "server ready", lambda client: client.is_server_ready()
    yield "model ready", lambda client: client.is_model_ready(model)
    yield "server metadata", lambda client: as_json(client.get_server_metadata)
    yield "model metadata", lambda client: as_json(client.get_model_metadata, model)
    yield "infer", lambda client: infer(client, target)
    yield "infer, 8 at once", lambda client: many(client, target)
    yield "infer, 10 in a row", lambda client: ten_in_a_row(client, target)
    yield "repository index", lambda client: told(client.get_model_repository_index)


async def as_json(call, *arguments):
    return await (call(*arguments, as_json=True) if PROTOCOL == "grpc" else call(*arguments))


async def told(call):
    await call()
    return "told"


async def opened(target, call):
    # One for each call: where a server failed it may close the connection, and the next call would meet that.
    client = aio.InferenceServerClient(target.http if PROTOCOL == "http" else target.grpc)
    try:
        return await call(client)
    finally:
        await client.close()


def main():
    loop = asyncio.new_event_loop()
    for target in targets():
        for case, call in cases(target):
            see(target, case, lambda call=call: loop.run_until_complete(opened(target, call)), describe)


main()
