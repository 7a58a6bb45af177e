"""Minke's host API for Python, by ctypes alone: the standard library and libminke.so, no thread, no compiler.

    host = Host()
    host.listen("/ip4/127.0.0.1/udp/0/webrtc-direct")
    host.handle("/echo/1.0.0")
    for event in host.events():        # everything that is due now
        ...
    host.fileno(), host.timeout()      # when to call events() again

The library is found by MINKE_LIBRARY (a path), else as the linker finds it. Structures are declared by hand below: they
are the library's of one version, and `tests/examples/layout.py` compares them with its headers.
"""
import ctypes
import ctypes.util
import enum
import os

_int, _bool, _text, _pointer, _size = ctypes.c_int, ctypes.c_bool, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t
_id = ctypes.c_uint64  # minke_connection_t, minke_stream_t

OK = 0
ERROR_AGAIN = -100


class EventType(enum.IntEnum):
    LISTENING = 1
    LISTEN_FAILED = 2
    CONNECTED = 3
    DISCONNECTED = 4
    IDENTIFIED = 5
    STREAM_OPENED = 6
    STREAM_READABLE = 7
    STREAM_WRITABLE = 8
    STREAM_CLOSED = 9
    LISTEN_CLOSED = 10


class Close(ctypes.Structure):
    c_name = "minke_close_t"
    _fields_ = [("layer", _int), ("code", _int), ("by_remote", _bool), ("text", ctypes.c_char * 192)]


class RawEvent(ctypes.Structure):
    c_name = "minke_event_t"
    _fields_ = [
        ("type", _int),
        ("connection", _id),
        ("stream", _id),
        ("addr", _text),
        ("peer", _text),
        ("protocol", _text),
        ("inbound", _bool),
        ("limited", _bool),
        ("error", _int),
        ("error_code", ctypes.c_uint32),
        ("close", Close),
        ("user", ctypes.c_void_p),
    ]


class Identify(ctypes.Structure):
    c_name = "minke_identify_info_t"
    _fields_ = [
        ("agent", _text),
        ("protocol_version", _text),
        ("observed", _text),
        ("protocols", ctypes.POINTER(_text)),
        ("protocols_n", _size),
        ("addresses", ctypes.POINTER(_text)),
        ("addresses_n", _size),
    ]


STRUCTURES = (Close, RawEvent, Identify)

# Every function, with its result and arguments: ctypes would cut 64-bit numbers and pointers to an int by default.
_FUNCTIONS = {
    "minke_version": (_text,),
    "minke_error_text": (_text, _int),
    "minke_error_name": (_text, _int),
    "minke_layer_name": (_text, _int),
    "minke_host_new": (_pointer, _pointer),
    "minke_host_free": (None, _pointer),
    "minke_poll": (_int, _pointer, ctypes.POINTER(RawEvent)),
    "minke_fd": (_int, _pointer),
    "minke_timeout": (_int, _pointer),
    "minke_listen": (_int, _pointer, _text),
    "minke_handle": (_int, _pointer, _text),
    "minke_dial": (_int, _pointer, _text, _int, ctypes.POINTER(_id)),
    "minke_close": (_int, _pointer, _id),
    "minke_open": (_int, _pointer, _id, _text, ctypes.POINTER(_id)),
    "minke_stream_write": (ctypes.c_ssize_t, _pointer, _id, _text, _size),
    "minke_stream_peek": (ctypes.c_ssize_t, _pointer, _id, ctypes.POINTER(_pointer)),
    "minke_stream_consume": (_int, _pointer, _id, _size),
    "minke_stream_finish": (_int, _pointer, _id),
    "minke_stream_reset": (_int, _pointer, _id, ctypes.c_uint32),
    "minke_identify_get": (_int, _pointer, _id, ctypes.POINTER(Identify)),
}


def _load():
    path = os.environ.get("MINKE_LIBRARY") or ctypes.util.find_library("minke")
    if path is None:
        raise ImportError("libminke.so is not installed: set MINKE_LIBRARY to its path")
    library = ctypes.CDLL(path)
    for name, (result, *arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


_library = _load()


def version():
    return _library.minke_version().decode()


class Error(Exception):
    def __init__(self, code):
        super().__init__(_library.minke_error_text(code).decode())
        self.code = code
        self.name = _library.minke_error_name(code).decode()


def _checked(result):
    if result < 0:
        raise Error(result)
    return result


def _string(value):
    return "" if value is None else value.decode()


class Event:
    """A copy: the C event's strings are gone at the next minke_poll, Python's events may be kept."""

    def __init__(self, raw):
        self.type = raw.type  # may be one that EventType does not know, of a later library
        self.connection, self.stream = raw.connection, raw.stream
        self.addr, self.peer, self.protocol = _string(raw.addr), _string(raw.peer), _string(raw.protocol)
        self.inbound, self.limited, self.error = raw.inbound, raw.limited, raw.error
        self.reason = raw.close.text.decode(errors="replace")
        self.layer = _library.minke_layer_name(raw.close.layer).decode()


class Host:
    def __init__(self):
        self._host = _library.minke_host_new(None)
        if not self._host:
            raise MemoryError("no host: out of memory or descriptors")

    def free(self):
        """Says goodbye to every peer. Take the descriptor out of your loop first: it is closed here."""
        host, self._host = self._host, None
        _library.minke_host_free(host)

    def fileno(self):
        return _library.minke_fd(self._host)

    def timeout(self):
        """Seconds until events() must be called even if the descriptor is quiet, or None."""
        ms = _library.minke_timeout(self._host)
        return None if ms < 0 else ms / 1000

    def events(self, at_most=64):
        """What is due now. Stops early under load; timeout() is 0 then."""
        raw = RawEvent()
        for _ in range(at_most):
            # Asked at each turn: whoever handles an event may free the host.
            if not self._host or _library.minke_poll(self._host, ctypes.byref(raw)) != OK:
                return
            yield Event(raw)

    def listen(self, multiaddr):
        _checked(_library.minke_listen(self._host, multiaddr.encode()))

    def handle(self, protocol):
        _checked(_library.minke_handle(self._host, protocol.encode()))

    def dial(self, multiaddr, version=1):
        connection = _id()
        _checked(_library.minke_dial(self._host, multiaddr.encode(), version, ctypes.byref(connection)))
        return connection.value

    def close(self, connection):
        _checked(_library.minke_close(self._host, connection))

    def open(self, connection, protocol):
        stream = _id()
        _checked(_library.minke_open(self._host, connection, protocol.encode(), ctypes.byref(stream)))
        return stream.value

    def write(self, stream, data):
        """Takes what fits and returns how much that was: 0 means wait for STREAM_WRITABLE."""
        taken = _library.minke_stream_write(self._host, stream, bytes(data), len(data))
        return 0 if taken == ERROR_AGAIN else _checked(taken)

    def peek(self, stream, at_most=65536):
        """A copy of the next bytes; b"" at the end of the stream; None: nothing now, wait for STREAM_READABLE."""
        data = _pointer()
        n = _library.minke_stream_peek(self._host, stream, ctypes.byref(data))
        if n == ERROR_AGAIN:
            return None
        return ctypes.string_at(data, min(_checked(n), at_most)) if n != 0 else b""

    def consume(self, stream, count):
        _checked(_library.minke_stream_consume(self._host, stream, count))

    def finish(self, stream):
        _checked(_library.minke_stream_finish(self._host, stream))

    def reset(self, stream, code=0):
        _checked(_library.minke_stream_reset(self._host, stream, code))

    def identify(self, connection):
        """(agent, protocols, addresses) after IDENTIFIED."""
        info = Identify()
        _checked(_library.minke_identify_get(self._host, connection, ctypes.byref(info)))
        protocols = [info.protocols[i].decode() for i in range(info.protocols_n)]
        addresses = [info.addresses[i].decode() for i in range(info.addresses_n)]
        return _string(info.agent), protocols, addresses


class AsyncioDriver:
    """Drives a host from an asyncio loop by its descriptor and its timeout. `on_event` gets each event."""

    def __init__(self, host, loop, on_event):
        self.host, self._loop, self._on_event = host, loop, on_event
        loop.add_reader(host.fileno(), self.turn)
        self._timer = loop.call_soon(self.turn)  # listen() has only asked for a socket: it is opened in a turn

    def turn(self):
        """Also to be called after host calls from elsewhere, tasks for instance: they change the timeout."""
        try:
            for event in self.host.events():
                self._on_event(event)
        finally:  # one event that could not be handled must not put the host to sleep
            self._timer.cancel()
            timeout = self.host.timeout()
            if timeout is not None:
                self._timer = self._loop.call_later(timeout, self.turn)

    def stop(self):
        self._timer.cancel()
        self._loop.remove_reader(self.host.fileno())
