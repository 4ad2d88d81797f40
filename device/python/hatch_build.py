"""Puts the C library into the wheel, which then is one for any Python 3 on this kind of machine."""

import os
import sysconfig

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        library = os.environ.get("LONGSHORE_LIBRARY")
        if not library:
            raise SystemExit("LONGSHORE_LIBRARY names no liblongshore.so: build the wheel with `make libraries`")
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["force_include"][library] = "longshore/liblongshore.so"
