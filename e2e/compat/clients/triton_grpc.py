"""tritonclient over gRPC: the six methods of the protocol, deadlines, metadata, and what belongs to a server's owner."""

import queue

import tritonclient.grpc as triton
from case import megabyte, other, see, targets
from tritonclient.utils import InferenceServerException
from tritonclient.utils import shared_memory as shm


class NoStream(Exception):
    """A stream did not begin, or broke."""


def describe(error):
    if isinstance(error, NoStream):
        return str(error)
    return error.status() if isinstance(error, InferenceServerException) else other(error)


def tensors(target):
    for tensor in target.inputs:
        taken = triton.InferInput(tensor.name, tensor.array.shape, tensor.datatype)
        yield taken.set_data_from_numpy(tensor.array)


def seen(target, result):
    answer = result.get_response()
    values = {name: result.as_numpy(name) for name in target.outputs}
    return {"model": answer.model_name, "id": answer.id, "values": values}


def infer(client, target, **options):
    return seen(target, client.infer(target.model, list(tensors(target)), request_id="r-1", **options))


def many(client, target):
    answers = queue.Queue()
    for _ in range(8):
        client.async_infer(target.model, list(tensors(target)), lambda result, error: answers.put((result, error)))
    return [taken(target, answers) for _ in range(8)]


def stream(client, target):
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    try:
        client.async_stream_infer(target.model, list(tensors(target)))
        return taken(target, answers)
    except InferenceServerException as error:
        # It has a status or none, as the client happens to notice.
        raise NoStream("no stream") from error
    finally:
        client.stop_stream()


def taken(target, answers):
    result, error = answers.get(timeout=20)
    if error is not None:
        raise error
    return seen(target, result)


def long_word(client, target, **options):
    word = megabyte()
    taken = triton.InferInput(target.inputs[0].name, word.shape, "BYTES").set_data_from_numpy(word)
    return seen(target, client.infer(target.model, [taken], **options))


def wrong_name(client, target):
    tensor = target.inputs[0]
    taken = triton.InferInput("no-such-input", tensor.array.shape, tensor.datatype)
    return seen(target, client.infer(target.model, [taken.set_data_from_numpy(tensor.array)]))


def in_shared_memory(client, target):
    """A tensor that stands in memory of the server's machine."""
    data = target.inputs[0].array.tobytes()
    taken = triton.InferInput(target.inputs[0].name, target.inputs[0].array.shape, target.inputs[0].datatype)
    region = shm.create_shared_memory_region("compat", "/longshore-compat", len(data))
    try:
        shm.set_shared_memory_region(region, [target.inputs[0].array])
        client.register_system_shared_memory("compat", "/longshore-compat", len(data))
        taken.set_shared_memory("compat", len(data))
        result = client.infer(target.model, [taken])
        client.unregister_system_shared_memory("compat")
        return seen(target, result)
    finally:
        shm.destroy_shared_memory_region(region)


def cases(client, target):
    model = target.model
    yield "server live", client.is_server_live
    yield "server ready", client.is_server_ready
    yield "model ready", lambda: client.is_model_ready(model)
    yield "another model ready", lambda: client.is_model_ready("another")
    yield "server metadata", lambda: client.get_server_metadata(as_json=True)
    yield "model metadata", lambda: client.get_model_metadata(model, as_json=True)
    yield "another model's metadata", lambda: client.get_model_metadata("another", as_json=True)
    yield "infer", lambda: infer(client, target)
    yield "infer, version 1", lambda: infer(client, target, model_version="1")
    yield "infer, own metadata", lambda: infer(client, target, headers={"x-own": "1"})
    yield "infer, deadline of 10 s", lambda: infer(client, target, client_timeout=10)
    yield "infer, 8 at once", lambda: many(client, target)
    if target.inputs[0].datatype == "BYTES":
        yield "infer, 1 MiB", lambda: long_word(client, target)
        # What is shorter is not worth it to gRPC and goes as it is.
        yield "infer, 1 MiB, gzip", lambda: long_word(client, target, compression_algorithm="gzip")
    yield "infer, in a stream", lambda: stream(client, target)
    yield "infer, wrong tensor name", lambda: wrong_name(client, target)
    if target.inputs[0].datatype != "BYTES":
        yield "shared memory, infer", lambda: in_shared_memory(client, target)
    yield "shared memory, status", lambda: client.get_system_shared_memory_status(as_json=True)
    yield "CUDA shared memory, status", lambda: client.get_cuda_shared_memory_status(as_json=True)
    yield "model configuration", lambda: client.get_model_config(model, as_json=True) and "told"
    yield "model statistics", lambda: client.get_inference_statistics(model, as_json=True) and "told"
    yield "trace settings", lambda: client.get_trace_settings(model, as_json=True) and "told"
    yield "log settings", lambda: client.get_log_settings(as_json=True) and "told"
    yield "repository index", lambda: client.get_model_repository_index(as_json=True) and "told"


def main():
    for target in targets():
        client = triton.InferenceServerClient(target.grpc)
        for case, call in cases(client, target):
            see(target, case, call, describe)
        client.close()


main()
