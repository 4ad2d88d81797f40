"""The device: one call per input, exactly one answer by the deadline."""

import ctypes
import os
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import numpy
from numpy.typing import ArrayLike

from . import _answer, _library
from ._answer import Answer
from ._library import LIBRARY

_DATATYPES = {numpy.dtype(dtype): name.encode() for name, dtype in _answer.DTYPES.items()}

Path = str | os.PathLike[str]


class Error(Exception):
    """The library failed."""


class ConfigurationError(Error):
    """A model, policy or TLS file cannot be used."""


class InvalidArgument(Error, ValueError):
    """An argument is out of its range or of the wrong form."""


@dataclass(frozen=True, slots=True)
class Account:
    """What requests cost so far, as the device's profile counts it, and how often work moved."""

    device_joules: float
    """Runs on the device."""
    edge_joules: float
    """Exchanges with the edge."""
    saved_joules: float
    """What runs here would have cost that the edge made unnecessary."""
    edge_bytes: int
    """Request bodies that were begun to be sent."""
    saved_bytes: int
    """Request bodies that the device answered and sent nowhere."""
    work_moves: int
    """Moves of the work to the other place because it costs less."""
    held_by_margin: int
    """Requests that stayed because the other place was better by less than the policy's margin."""
    held_by_dwell: int
    """Requests that stayed because work had moved too short a time ago."""
    held_by_flap_limit: int
    """Requests that stayed because work had moved too often."""


class Device:
    """One model, used from one device. All threads may use it; a process that was forked from this one may not.

    Use it in a `with` statement, or call `close`. At least one of `edges`, `edge_srv`, `edge_mdns` and `models` must be given.
    """

    def __init__(
        self,
        model: str,
        *,
        edges: Sequence[str] = (),
        edge_srv: str | None = None,
        edge_mdns: str | None = None,
        models: Path | None = None,
        policy_file: Path | None = None,
        labels: Sequence[str] = (),
        ca_file: Path | None = None,
        certificate_file: Path | None = None,
        key_file: Path | None = None,
        token_file: Path | None = None,
        zone: str | None = None,
        device_class: Literal["vehicle", "ar-glasses", "factory-sensor", "wearable", "camera"] | None = None,
        link: Literal["wifi", "lte", "5g"] | None = None,
        channels: Literal["minus-one-to-one", "zero-to-one", "raw"] | None = None,
        capacity_bytes: int = 0,
        uplink_kilobits_per_second: int = 0,
    ) -> None:
        """Starts a device: loads the model and waits about a second at most for the edge's first answers.

        model: its name.
        edges: nodes, `https://HOST:PORT` or `http://HOST:PORT`. One is enough: it tells the others.
        edge_srv: a DNS SRV name that leads to nodes, `_longshores._tcp.DOMAIN` or, in the clear, `_longshore._tcp.DOMAIN`.
        edge_mdns: interface on which to look for nodes by multicast DNS; "": where the system sends multicast.
        models: folder of models on the device, `DIR/NAME/VERSION/model.onnx`.
        policy_file: keeps the policy for times without a network.
        labels: words for the model's probabilities. Default: those of the policy.
        ca_file, certificate_file, key_file, token_file: whom to believe and what to show at `https://` nodes.
        zone: the site where the device is, by the name that its nodes have for it.
        device_class, link: what energy costs. Default: a small camera on Wi-Fi.
        channels: how a picture's channels of 0 to 255 become elements. Default: minus-one-to-one.
        capacity_bytes: largest model file that the device can hold. 0: no bound.
        uplink_kilobits_per_second: assumed until the first upload was measured. 0: what is usual for the link.
        """
        if isinstance(edges, str) or isinstance(labels, str):
            raise TypeError("edges and labels are lists of text")
        options = _library.Options(
            size=ctypes.sizeof(_library.Options),
            model=model.encode(),
            edges=_texts(edges),
            edge_count=len(edges),
            edge_srv=_word(edge_srv),
            edge_mdns=_word(edge_mdns),
            models=_path(models),
            policy_file=_path(policy_file),
            labels=_texts(labels),
            label_count=len(labels),
            ca_file=_path(ca_file),
            certificate_file=_path(certificate_file),
            key_file=_path(key_file),
            token_file=_path(token_file),
            zone=_word(zone),
            device_class=_word(device_class),
            link=_word(link),
            channels=_word(channels),
            capacity_bytes=capacity_bytes,
            uplink_kilobits_per_second=uplink_kilobits_per_second,
        )
        handle, error = ctypes.c_void_p(), ctypes.create_string_buffer(_library.ERROR_BYTES)
        status = LIBRARY.longshore_device_open(ctypes.byref(options), ctypes.byref(handle), error, len(error))
        _check(status, error)
        self._handle: ctypes.c_void_p | None = handle
        self._process = os.getpid()
        self._calls, self._change = 0, threading.Condition()
        self._end = weakref.finalize(self, LIBRARY.longshore_device_close, handle)

    def infer(self, input: bytes | Mapping[str, ArrayLike], deadline_ms: int) -> Answer:
        """Answers for one input within `deadline_ms` milliseconds (1 to 600000): from here or from the edge, or says why not.

        input: a JPEG or PNG picture, for a model with one picture input; or the model's inputs by name.
        Blocks, while other threads of Python run.
        """
        answer, error = ctypes.c_void_p(), ctypes.create_string_buffer(_library.ERROR_BYTES)
        last = (_deadline(deadline_ms), ctypes.byref(answer), error, len(error))
        with self._open() as handle:
            if isinstance(input, Mapping):
                # The arrays must outlive the call that reads them.
                arrays = {name: _contiguous(value) for name, value in input.items()}
                tensors = (_library.Tensor * len(arrays))(*map(_tensor, arrays.keys(), arrays.values()))
                status = LIBRARY.longshore_infer_tensors(handle, tensors, len(tensors), *last)
            elif isinstance(input, (bytes, bytearray, memoryview)):
                picture = bytes(input)
                status = LIBRARY.longshore_infer_picture(handle, picture, len(picture), *last)
            else:
                raise TypeError(f"input is a {type(input).__name__}: give a picture's bytes, or arrays by name")
        _check(status, error)
        try:
            return _answer.read(answer)
        finally:
            LIBRARY.longshore_answer_free(answer)

    def set_battery(self, percent: float | None) -> None:
        """Tells the battery level, 0 to 100 percent; None on mains power, which is how a device starts."""
        if percent is not None and not 0 <= percent <= 100:
            raise InvalidArgument(f"percent is {percent}: it must be 0 to 100, or None")
        with self._open() as handle:
            LIBRARY.longshore_device_set_battery(handle, -1 if percent is None else percent)

    def set_zone(self, zone: str) -> None:
        """Tells the site where the device is by now, by the name that its nodes have for it."""
        with self._open() as handle:
            LIBRARY.longshore_device_set_zone(handle, zone.encode())

    def account(self) -> Account:
        """What requests cost so far, and how often work moved."""
        account = _library.Account()
        with self._open() as handle:
            LIBRARY.longshore_device_account(handle, ctypes.byref(account))
        return Account(**{name: getattr(account, name) for name, *_ in account._fields_})

    def close(self) -> None:
        """Ends the device, once the calls that run have their answers. A second time does nothing."""
        with self._change:
            self._handle = None
            self._change.wait_for(lambda: self._calls == 0)
        self._end()

    @contextmanager
    def _open(self) -> Iterator[ctypes.c_void_p]:
        """The handle, which stays open meanwhile."""
        if os.getpid() != self._process:
            raise Error("the device belongs to the process that this one was forked from: make one here")
        with self._change:
            if self._handle is None:
                raise Error("the device is closed")
            handle = self._handle
            self._calls += 1
        try:
            yield handle
        finally:
            with self._change:
                self._calls -= 1
                self._change.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def version() -> str:
    """The version of the library."""
    text: bytes = LIBRARY.longshore_version()
    return text.decode()


def _check(status: int, error: Any) -> None:
    if status == _library.OK:
        return
    kinds = {_library.INVALID_ARGUMENT: InvalidArgument, _library.BAD_CONFIGURATION: ConfigurationError}
    raise kinds.get(status, Error)(error.value.decode())


def _deadline(milliseconds: int) -> int:
    # ctypes would cut a larger number off.
    if not 1 <= milliseconds <= 600_000:
        raise InvalidArgument(f"deadline_ms is {milliseconds}: it must be 1 to 600000")
    return milliseconds


def _contiguous(value: ArrayLike) -> numpy.ndarray[Any, Any]:
    array = numpy.asarray(value)
    # In this order of bytes, and not made of a scalar a vector.
    return numpy.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _tensor(name: str, array: numpy.ndarray[Any, Any]) -> _library.Tensor:
    datatype = _DATATYPES.get(array.dtype)
    if datatype is None:
        raise InvalidArgument(f"input {name!r} has the dtype {array.dtype}: use bool, an integer or a float of 16 to 64 bits")
    return _library.Tensor(
        name=name.encode(),
        datatype=datatype,
        shape=(ctypes.c_size_t * array.ndim)(*array.shape),
        rank=array.ndim,
        data=array.ctypes.data,
        data_length=array.nbytes,
    )


def _texts(texts: Sequence[str]) -> Any:
    return (ctypes.c_char_p * len(texts))(*(text.encode() for text in texts))


def _path(path: Path | None) -> bytes | None:
    return None if path is None else os.fsencode(path)


def _word(word: str | None) -> bytes | None:
    return None if word is None else word.encode()
