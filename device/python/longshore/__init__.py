"""Runs a model on this device or at a nearby edge node, whichever is right, and always answers by the deadline.

    with longshore.Device("person-detect", edges=["http://192.0.2.11:30080"], models="models") as device:
        answer = device.infer(open("frame.jpg", "rb").read(), deadline_ms=200)
        print(answer.label, answer.confidence, answer.place, answer.reason)
"""

from ._answer import Answer
from ._device import Account, ConfigurationError, Device, Error, InvalidArgument, version

__all__ = ["Account", "Answer", "ConfigurationError", "Device", "Error", "InvalidArgument", "version"]
__version__ = version()
