"""What a caller gets: plain Python values, copied out of the library's answer."""

import ctypes
import math
from dataclasses import dataclass
from typing import Any

import numpy

from . import _library
from ._library import LIBRARY

# The protocol's datatypes; the bytes that cross are little-endian.
DTYPES = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """The answer to one input."""

    outcome: _library.Outcome
    """`answered`: there is a result; `late`: the deadline came first; `failed`: no place could give a result."""
    place: _library.Place | None
    """Where the result comes from; None unless answered."""
    endpoint: str | None
    """The node that answered."""
    label: str | None
    """The label of the largest probability."""
    confidence: float | None
    """That probability, 0 to 1."""
    latency_ms: float
    """From the call until the answer, in milliseconds."""
    queue_ms: float | None
    """Of that, how long it waited to be run: in the sidecar, or for the device's processor. None where nothing ran for this
    answer, or the node does not tell."""
    service_ms: float | None
    """Of that, how long it ran: in the model server, or here. None as `queue_ms` is."""
    reason: str
    """Why it ran where it ran, or why it did not."""
    model_digest: str | None
    """Digest of the model that answered."""
    outputs: dict[str, numpy.ndarray[Any, Any]]
    """The model's outputs, as far as they were asked for."""
    detail: str | None
    """What went wrong, for people."""


def read(handle: ctypes.c_void_p) -> Answer:
    """Everything of an answer of the library, which may be freed afterwards."""
    summary = _library.Summary()
    LIBRARY.longshore_answer_summary(handle, ctypes.byref(summary))
    return Answer(
        outcome=_library.OUTCOMES[summary.outcome],
        place=_library.PLACES[summary.place],
        endpoint=_text(LIBRARY.longshore_answer_endpoint, handle),
        label=_text(LIBRARY.longshore_answer_label, handle),
        confidence=_number(summary.confidence),
        latency_ms=summary.latency_ms,
        queue_ms=_number(summary.queue_ms),
        service_ms=_number(summary.service_ms),
        reason=_text(LIBRARY.longshore_answer_reason, handle) or "",
        model_digest=_text(LIBRARY.longshore_answer_model_digest, handle),
        outputs=dict(_output(handle, index) for index in range(summary.output_count)),
        detail=_text(LIBRARY.longshore_answer_detail, handle),
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _text(call: Any, handle: ctypes.c_void_p) -> str | None:
    needed = ctypes.c_size_t()
    call(handle, None, 0, ctypes.byref(needed))
    buffer = ctypes.create_string_buffer(needed.value)
    call(handle, buffer, needed, None)
    return buffer.value.decode() or None


def _output(handle: ctypes.c_void_p, index: int) -> tuple[str, numpy.ndarray[Any, Any]]:
    output = _library.Output()
    LIBRARY.longshore_answer_output(handle, index, ctypes.byref(output))
    name = ctypes.create_string_buffer(output.name_needed)
    shape = (ctypes.c_size_t * output.rank)()
    data = numpy.empty(output.data_length, numpy.uint8)
    output.name, output.name_capacity = ctypes.addressof(name), len(name)
    output.shape, output.shape_capacity = shape, len(shape)
    output.data, output.data_capacity = data.ctypes.data, data.nbytes
    LIBRARY.longshore_answer_output(handle, index, ctypes.byref(output))
    array = data.view(DTYPES[output.datatype.decode()]).reshape(tuple(shape))
    return name.value.decode(), array
