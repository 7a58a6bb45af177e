#!/usr/bin/env python3
"""Dials ADDR, sends COUNT bytes to /echo/1.0.0, and says how long they took to come back, and whether they are the same.

    MINKE_LIBRARY=build/libminke.so examples/python/dial.py ADDR [COUNT]
"""
import asyncio
import os
import sys
import time

import minke
from minke import EventType


class RoundTrip:
    def __init__(self, host, data, done):
        self.host, self.data, self.done = host, data, done
        self.stream = None
        self.sent, self.received, self.finished = 0, bytearray(), False

    def on_event(self, event):
        try:
            self.handle(event)
        except minke.Error as error:
            self.end(str(error))

    def handle(self, event):
        if event.type == EventType.CONNECTED:
            self.stream = self.host.open(event.connection, "/echo/1.0.0")
            self.send()
        elif event.type == EventType.DISCONNECTED:
            self.end(f"{event.layer}: {event.reason}")
        elif event.stream != self.stream:
            return
        elif event.type == EventType.STREAM_READABLE:
            self.receive()
        elif event.type == EventType.STREAM_WRITABLE:
            self.send()
        elif event.type == EventType.STREAM_CLOSED:
            self.end(None if event.error == minke.OK else str(minke.Error(event.error)))

    def send(self):
        while self.sent < len(self.data):
            taken = self.host.write(self.stream, self.data[self.sent : self.sent + 65536])
            if taken == 0:
                return
            self.sent += taken
        if not self.finished:
            self.finished = True
            self.host.finish(self.stream)

    def receive(self):
        while data := self.host.peek(self.stream):
            self.received += data
            self.host.consume(self.stream, len(data))

    def end(self, error):
        if not self.done.done():
            self.done.set_result(error)


async def main(addr, count):
    loop = asyncio.get_running_loop()
    data = os.urandom(count)
    host = minke.Host()
    trip = RoundTrip(host, data, loop.create_future())
    driver = minke.AsyncioDriver(host, loop, trip.on_event)
    start = time.monotonic()
    host.dial(addr)
    error = await trip.done
    driver.stop()
    host.free()
    if error is None and trip.received != data:
        error = f"{len(trip.received)} bytes came back, and not the same"
    if error is not None:
        raise SystemExit(error)
    print(f"{count} bytes came back the same, {1000 * (time.monotonic() - start):.1f} ms after dialling")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("usage: dial.py ADDR [COUNT]")
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000000))
