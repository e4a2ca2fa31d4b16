"""The load generator: keep-alive connections that each send the next request as soon as they have their answer.

    python -m bench.load '{"port": …, "requests": […], "bodies": […], "connections": …, "seconds": …}'

The order may come on standard input instead. Each connection goes through the requests from a place of its own.
It fails on the first answer that is not 200 or whose body is not the expected one, byte for byte; with `bodies` null,
any body will do. With `seconds` null each request is sent once, and the bodies are in the result: one line of JSON.

What it spends on an answer (about ten microseconds) is told too: where `cpu_seconds` comes near `seconds`, it is the
generator that was measured. `request` and `expected` stand for lists of one.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.wire import Asker, run_load, tell_latencies


class Connection(Asker):
    """Goes through the requests from `start` on; with `keeps` once, and its answers are in `bodies`."""

    def __init__(
        self, requests: Sequence[bytes], bodies: Sequence[bytes] | None, start: int, ended: asyncio.Future[None]
    ) -> None:
        super().__init__(ended)
        self.bodies: list[bytes] = []
        self.body = b""
        self.keeps = False
        self._requests = requests
        self._expected = bodies
        self._at = start

    def ask(self) -> bytes | None:
        """The next request, round and round."""
        if self._at == len(self._requests):
            if self.keeps:
                return None
            self._at = 0
        return self._requests[self._at]

    def judge(self, body: bytes) -> str | None:
        """Compare an answer."""
        if self._expected is not None and body != self._expected[self._at]:
            return "an answer is not the expected one"
        self._at += 1
        self.body = body
        if self.keeps:
            self.bodies.append(body)
        return None


async def load(order: dict[str, Any]) -> dict[str, Any]:
    """Load one server for some seconds: how many answers, and their latencies' percentiles in milliseconds."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    requests = [request.encode() for request in order.get("requests") or [order["request"]]]
    bodies = _read_bodies(order)
    connections: list[Connection] = []
    began, spent = time.perf_counter(), time.process_time()
    for number in range(order["connections"]):
        start = number * len(requests) // order["connections"]
        connection = Connection(requests, bodies, start, ended)
        connection.keeps = order["seconds"] is None
        await loop.create_connection(lambda connection=connection: connection, "127.0.0.1", order["port"])
        connections.append(connection)
    await asyncio.wait([ended], timeout=order["seconds"])
    for connection in connections:
        connection.stop()
    seconds, spent = time.perf_counter() - began, time.process_time() - spent
    if ended.done():
        ended.result()
    return _tell(connections, seconds) | {"seconds": seconds, "cpu_seconds": spent}


def _read_bodies(order: dict[str, Any]) -> list[bytes] | None:
    bodies: list[str] | None = order.get("bodies")
    if bodies is None and order.get("expected") is not None:
        bodies = [order["expected"]]
    return None if bodies is None else [body.encode() for body in bodies]


def _tell(connections: Sequence[Connection], seconds: float) -> dict[str, Any]:
    return {
        **tell_latencies(connections, seconds),
        "body": connections[0].body.decode(),
        "bodies": [body.decode() for connection in connections for body in connection.bodies],
    }


def main() -> int:
    """The exit code."""
    return run_load(load, sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())


if __name__ == "__main__":
    sys.exit(main())
