"""grpcio without a client library around it: health, reflection, deadlines, and errors as statuses."""

import grpc
from case import other, see, targets
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2, service_pb2_grpc

SERVICE = "inference.GRPCInferenceService"


def describe(error):
    return str(error.code()) if isinstance(error, grpc.RpcError) else other(error)


def check(channel, service):
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=20)
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def watch(channel):
    answers = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=""), timeout=20)
    first = next(answers)
    answers.cancel()
    return health_pb2.HealthCheckResponse.ServingStatus.Name(first.status)


def listed(channel):
    return sorted(set(ProtoReflectionDescriptorDatabase(channel).get_services()) & {SERVICE})


def infer(channel, target, **options):
    request = service_pb2.ModelInferRequest(model_name=target.model, id="r-1")
    for tensor in target.inputs:
        row = request.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.array.shape)
        values = tensor.array.flatten().tolist()
        if tensor.datatype == "BYTES":
            row.contents.bytes_contents.extend(values)
        else:
            row.contents.fp32_contents.extend(values)
    answer, call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer.with_call(request, **options)
    return {"id": answer.id, "outputs": [(row.name, row.datatype, list(row.shape)) for row in answer.outputs],
            "contents": [str(row.contents) for row in answer.outputs],
            "raw": [raw.hex() for raw in answer.raw_output_contents], "status": str(call.code())}


def empty(channel):
    service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(service_pb2.ModelInferRequest(), timeout=20)


def no_method(channel):
    channel.unary_unary(f"/{SERVICE}/NoSuchMethod")(b"", timeout=20)


def cases(channel, target):
    yield "health, all", lambda: check(channel, "")
    yield "health, the protocol's service", lambda: check(channel, SERVICE)
    yield "health, no such service", lambda: check(channel, "no.such.Service")
    yield "health, watch", lambda: watch(channel)
    yield "reflection", lambda: listed(channel)
    yield "infer, typed contents", lambda: infer(channel, target, timeout=20)
    yield "infer, no deadline", lambda: infer(channel, target)
    yield "infer, waits for ready", lambda: infer(channel, target, timeout=20, wait_for_ready=True)
    yield "infer, empty message", lambda: empty(channel)
    yield "no such method", lambda: no_method(channel)


def main():
    for target in targets():
        with grpc.insecure_channel(target.grpc) as channel:
            for case, call in cases(channel, target):
                see(target, case, call, describe)


main()
