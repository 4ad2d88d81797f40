"""The C library beside this file, as ctypes sees it: the structures and calls of longshore.h. A call through ctypes gives
other threads of Python their turn while it runs."""

import ctypes
from ctypes import POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Literal

OK, INVALID_ARGUMENT, SHORT_BUFFER, BAD_CONFIGURATION, INTERNAL = range(5)
Outcome = Literal["answered", "late", "failed"]
Place = Literal["device", "edge", "cache"]
OUTCOMES: tuple[Outcome, ...] = ("answered", "late", "failed")
PLACES: tuple[Place | None, ...] = (None, "device", "edge", "cache")
ERROR_BYTES = 1024


class Options(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("model", c_char_p),
        ("edges", POINTER(c_char_p)),
        ("edge_count", c_size_t),
        ("edge_srv", c_char_p),
        ("edge_mdns", c_char_p),
        ("models", c_char_p),
        ("policy_file", c_char_p),
        ("labels", POINTER(c_char_p)),
        ("label_count", c_size_t),
        ("ca_file", c_char_p),
        ("certificate_file", c_char_p),
        ("key_file", c_char_p),
        ("token_file", c_char_p),
        ("zone", c_char_p),
        ("device_class", c_char_p),
        ("link", c_char_p),
        ("channels", c_char_p),
        ("capacity_bytes", c_uint64),
        ("uplink_kilobits_per_second", c_uint32),
    ]


class Tensor(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("datatype", c_char_p),
        ("shape", POINTER(c_size_t)),
        ("rank", c_size_t),
        ("data", c_void_p),
        ("data_length", c_size_t),
    ]


class Summary(Structure):
    _fields_ = [
        ("outcome", c_int),
        ("place", c_int),
        ("confidence", c_float),
        ("latency_ms", c_double),
        ("queue_ms", c_double),
        ("service_ms", c_double),
        ("output_count", c_size_t),
    ]


class Output(Structure):
    _fields_ = [
        ("name", c_void_p),
        ("name_capacity", c_size_t),
        ("name_needed", c_size_t),
        ("datatype", c_char * 8),
        ("shape", POINTER(c_size_t)),
        ("shape_capacity", c_size_t),
        ("rank", c_size_t),
        ("data", c_void_p),
        ("data_capacity", c_size_t),
        ("data_length", c_size_t),
    ]


class Account(Structure):
    _fields_ = [
        ("device_joules", c_double),
        ("edge_joules", c_double),
        ("saved_joules", c_double),
        ("edge_bytes", c_uint64),
        ("saved_bytes", c_uint64),
        ("work_moves", c_uint64),
        ("held_by_margin", c_uint64),
        ("held_by_dwell", c_uint64),
        ("held_by_flap_limit", c_uint64),
    ]


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(str(Path(__file__).with_name("liblongshore.so")))
    answer, error = [POINTER(c_void_p)], [c_char_p, c_size_t]
    text = [c_void_p, c_char_p, c_size_t, POINTER(c_size_t)]
    library.longshore_version.restype = c_char_p
    library.longshore_device_close.restype = library.longshore_answer_free.restype = None
    for name, arguments in {
        "longshore_version": [],
        "longshore_device_open": [POINTER(Options), POINTER(c_void_p), *error],
        "longshore_device_close": [c_void_p],
        "longshore_device_set_battery": [c_void_p, c_float],
        "longshore_device_set_zone": [c_void_p, c_char_p],
        "longshore_device_account": [c_void_p, POINTER(Account)],
        "longshore_infer_picture": [c_void_p, c_char_p, c_size_t, c_uint32, *answer, *error],
        "longshore_infer_tensors": [c_void_p, POINTER(Tensor), c_size_t, c_uint32, *answer, *error],
        "longshore_answer_free": [c_void_p],
        "longshore_answer_summary": [c_void_p, POINTER(Summary)],
        "longshore_answer_label": text,
        "longshore_answer_endpoint": text,
        "longshore_answer_reason": text,
        "longshore_answer_model_digest": text,
        "longshore_answer_detail": text,
        "longshore_answer_output": [c_void_p, c_size_t, POINTER(Output)],
    }.items():
        getattr(library, name).argtypes = arguments
    return library


LIBRARY = _load()
