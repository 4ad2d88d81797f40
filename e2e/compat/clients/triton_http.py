"""tritonclient over HTTP: JSON, binary tensors, compression, and what belongs to a server's owner."""

import tritonclient.http as http
from case import megabyte, other, see, targets
from tritonclient.utils import InferenceServerException
from tritonclient.utils import shared_memory as shm


def describe(error):
    if not isinstance(error, InferenceServerException):
        return other(error)
    # The client's own complaint about an error that it cannot read.
    unreadable = " (unreadable)" if "while decoding" in str(error) else ""
    return f"status {error.status()}{unreadable}"


def tensors(target, binary):
    for tensor in target.inputs:
        taken = http.InferInput(tensor.name, tensor.array.shape, tensor.datatype)
        yield taken.set_data_from_numpy(tensor.array, binary_data=binary)


def outputs(target, binary):
    return [http.InferRequestedOutput(name, binary_data=binary) for name in target.outputs]


def seen(target, result):
    answer = result.get_response()
    values = {name: result.as_numpy(name) for name in target.outputs}
    return {"model": answer["model_name"], "id": answer.get("id"), "values": values}


def infer(client, target, binary_in=True, binary_out=True, **options):
    inputs, wanted = list(tensors(target, binary_in)), outputs(target, binary_out)
    # The client names no type for JSON, and KServe takes JSON by its name only.
    headers = None if binary_in else {"Content-Type": "application/json"}
    return seen(target, client.infer(target.model, inputs, outputs=wanted, request_id="r-1", headers=headers, **options))


def many(client, target):
    inputs = list(tensors(target, True))
    calls = [client.async_infer(target.model, inputs, outputs=outputs(target, True)) for _ in range(8)]
    return [seen(target, call.get_result()) for call in calls]


def long_word(client, target):
    word = megabyte()
    taken = http.InferInput(target.inputs[0].name, word.shape, "BYTES").set_data_from_numpy(word)
    return seen(target, client.infer(target.model, [taken], outputs=outputs(target, True)))


def wrong(client, target, name=None, shape=None):
    tensor = target.inputs[0]
    taken = http.InferInput(name or tensor.name, tensor.array.shape, tensor.datatype)
    taken.set_data_from_numpy(tensor.array)
    # The client compares a shape with its array only when it is given the array.
    taken.set_shape(shape or tensor.array.shape)
    return seen(target, client.infer(target.model, [taken], outputs=outputs(target, True)))


def in_shared_memory(client, target):
    """A tensor that stands in memory of the server's machine."""
    data = target.inputs[0].array.tobytes()
    taken = http.InferInput(target.inputs[0].name, target.inputs[0].array.shape, target.inputs[0].datatype)
    region = shm.create_shared_memory_region("compat", "/longshore-compat", len(data))
    try:
        shm.set_shared_memory_region(region, [target.inputs[0].array])
        client.register_system_shared_memory("compat", "/longshore-compat", len(data))
        taken.set_shared_memory("compat", len(data))
        result = client.infer(target.model, [taken], outputs=outputs(target, True))
        client.unregister_system_shared_memory("compat")
        return seen(target, result)
    finally:
        shm.destroy_shared_memory_region(region)


def unknown_memory(client, target):
    taken = http.InferInput(target.inputs[0].name, target.inputs[0].array.shape, target.inputs[0].datatype)
    taken.set_shared_memory("nobody-made-it", 32)
    return seen(target, client.infer(target.model, [taken]))


def cases(target):
    model = target.model
    yield "server live", lambda client: client.is_server_live()
    yield "server ready", lambda client: client.is_server_ready()
    yield "model ready", lambda client: client.is_model_ready(model)
    yield "model ready, version 1", lambda client: client.is_model_ready(model, "1")
    yield "another model ready", lambda client: client.is_model_ready("another")
    yield "server metadata", lambda client: client.get_server_metadata()
    yield "model metadata", lambda client: client.get_model_metadata(model)
    yield "another model's metadata", lambda client: client.get_model_metadata("another")
    yield "infer, JSON", lambda client: infer(client, target, False, False)
    yield "infer, binary", lambda client: infer(client, target)
    yield "infer, binary in, JSON out", lambda client: infer(client, target, True, False)
    yield "infer, JSON in, binary out", lambda client: infer(client, target, False, True)
    yield "infer, version 1", lambda client: infer(client, target, model_version="1")
    yield "infer, gzip request", lambda client: infer(client, target, request_compression_algorithm="gzip")
    yield "infer, deflate request", lambda client: infer(client, target, request_compression_algorithm="deflate")
    yield "infer, gzip answer", lambda client: infer(client, target, response_compression_algorithm="gzip")
    yield "infer, 10 in a row", lambda client: [infer(client, target) for _ in range(10)]
    yield "infer, 8 at once", lambda client: many(client, target)
    if target.inputs[0].datatype == "BYTES":
        yield "infer, 1 MiB", lambda client: long_word(client, target)
    yield "infer, wrong tensor name", lambda client: wrong(client, target, name="no-such-input")
    yield "infer, wrong shape", lambda client: wrong(client, target, shape=[3, 1])
    if target.inputs[0].datatype != "BYTES":
        yield "shared memory, infer", lambda client: in_shared_memory(client, target)
    yield "shared memory, a region that is not there", lambda client: unknown_memory(client, target)
    yield "shared memory, status", lambda client: client.get_system_shared_memory_status()
    yield "CUDA shared memory, status", lambda client: client.get_cuda_shared_memory_status()
    yield "model configuration", lambda client: client.get_model_config(model) and "told"
    yield "model statistics", lambda client: client.get_inference_statistics(model) and "told"
    yield "trace settings", lambda client: client.get_trace_settings(model) and "told"
    yield "log settings", lambda client: client.get_log_settings() and "told"
    yield "repository index", lambda client: client.get_model_repository_index() and "told"


def main():
    for target in targets():
        for case, call in cases(target):
            # One for each: where a server failed it may close the connection, and the next call would meet that.
            client = http.InferenceServerClient(target.http, concurrency=8)
            see(target, case, lambda call=call, client=client: call(client), describe)
            client.close()


main()
