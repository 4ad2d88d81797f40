"""NVIDIA Triton on the CPU, with the models `affine` (numbers) and `shout` (words). In: ports. Out: a server on loopback."""

import argparse

import numpy as np
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig, TritonSecurityConfig


def affine(requests):
    return [{"y": request["x"] * 2 + 1} for request in requests]


def shout(requests):
    return [{"loud": np.array([word.upper() for word in request["word"]], dtype=object)} for request in requests]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--http", type=int, required=True)
    arguments.add_argument("--grpc", type=int, required=True)
    arguments.add_argument("--metrics", type=int, required=True)
    ports = arguments.parse_args()
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=ports.http,
        grpc_address="127.0.0.1",
        grpc_port=ports.grpc,
        metrics_address="127.0.0.1",
        metrics_port=ports.metrics,
    )
    # Without batching the shapes are fixed, so that the sidecar can make its warm-up of them.
    alone = ModelConfig(batching=False)
    # Nothing is kept from who reaches it, as in Triton without pytriton: what stays unreachable is the sidecar's doing.
    security = TritonSecurityConfig(restricted_endpoints=[])
    with Triton(config=config, security_config=security) as triton:
        triton.bind(
            model_name="affine",
            infer_func=affine,
            inputs=[Tensor(name="x", dtype=np.float32, shape=(2, 4))],
            outputs=[Tensor(name="y", dtype=np.float32, shape=(2, 4))],
            config=alone,
        )
        triton.bind(
            model_name="shout",
            infer_func=shout,
            inputs=[Tensor(name="word", dtype=bytes, shape=(-1,))],
            outputs=[Tensor(name="loud", dtype=bytes, shape=(-1,))],
            config=alone,
        )
        triton.serve()


main()
