#!/usr/bin/env python3
"""Serves /echo/1.0.0 in asyncio, without a thread: prints its address, sends back every byte, ends on SIGINT or SIGTERM.

    MINKE_LIBRARY=build/libminke.so examples/python/echo.py [/ip4/0.0.0.0/udp/9090/webrtc-direct]
"""
import asyncio
import signal
import sys

import minke
from minke import EventType


class Echo:
    def __init__(self, host):
        self.host = host

    def on_event(self, event):
        if event.type == EventType.LISTENING:
            print(event.addr, flush=True)
        elif event.type == EventType.LISTEN_FAILED:
            raise SystemExit(f"{event.addr}: {event.reason}")
        elif event.type in (EventType.STREAM_READABLE, EventType.STREAM_WRITABLE):
            try:
                self.echo(event.stream)
            except minke.Error as error:  # it was reset, or nobody reads any more: the stream's own end, not ours
                print(error, file=sys.stderr)

    def echo(self, stream):
        """Reads no more than it can send: a slow reader at the other end slows the sender down, nothing is lost."""
        while data := self.host.peek(stream):
            taken = self.host.write(stream, data)
            if taken == 0:
                return  # full: STREAM_WRITABLE will say when to go on; what was not consumed is still there
            self.host.consume(stream, taken)
        if data == b"":
            self.host.finish(stream)


async def main(where):
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)

    host = minke.Host()
    driver = minke.AsyncioDriver(host, loop, Echo(host).on_event)
    host.handle("/echo/1.0.0")
    host.listen(where)
    await stopped.wait()
    driver.stop()
    host.free()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "/ip4/0.0.0.0/udp/9090/webrtc-direct"))
