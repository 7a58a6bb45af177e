"""Reads the public headers with cffi, as a Python binding would: preprocessed by the C compiler, nothing else done to
them. Then calls the library through what was read, and compares sizes with examples/python/minke.py.

    MINKE_LIBRARY=build/libminke.so tests/examples/by_cffi.py
"""
import os
import pathlib
import shlex
import subprocess
import sys

import cffi

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples" / "python"))
sys.dont_write_bytecode = True
import minke  # noqa: E402


def declarations():
    """What the preprocessor makes of minke/minke.h, without the system's headers: cffi knows their types."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    command = [*compiler, "-E", "-U__GNUC__", f"-I{ROOT}/include", f"{ROOT}/include/minke/minke.h"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    ours, kept = True, []
    for line in text.splitlines():
        if line.startswith("# "):
            ours = "/include/minke/" in line
        elif ours:
            kept.append(line)
    return "\n".join(kept)


ffi = cffi.FFI()
ffi.cdef(declarations())
library = ffi.dlopen(os.environ["MINKE_LIBRARY"])
assert ffi.string(library.minke_version()).decode() == minke.version()
for structure in minke.STRUCTURES:
    assert ffi.sizeof(structure.c_name) == minke.ctypes.sizeof(structure), structure.c_name
options = ffi.new("minke_host_options_t *")
library.minke_host_defaults(options)
assert options.size == ffi.sizeof("minke_host_options_t"), "cffi lays the options out as the library does"
options.transport.connections_max = 1
host = library.minke_host_new(options)
assert host != ffi.NULL
assert library.minke_listen(host, b"/ip4/127.0.0.1/udp/0/webrtc-direct") == library.MINKE_OK
event = ffi.new("minke_event_t *")
assert library.minke_poll(host, event) == library.MINKE_OK and event.type == library.MINKE_EVENT_LISTENING
assert ffi.string(event.addr).startswith(b"/ip4/127.0.0.1/udp/")
library.minke_host_free(host)
print("cffi: reads the headers as they are, and drives a host")
