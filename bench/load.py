"""The load generator: keep-alive connections that each send the next request as soon as they have their answer.

    python -m bench.load '{"port": …, "requests": […], "bodies": […], "connections": …, "seconds": …}'

The order may come on standard input instead. Each connection goes through the requests from a place of its own.
It fails on the first answer that is not 200 or whose body is not the expected one, byte for byte; with `bodies` null,
any body will do. With `seconds` null each request is sent once, and the bodies are in the result: one line of JSON.

What it spends on an answer (about ten microseconds) is told too: where `cpu_seconds` comes near `seconds`, it is the
generator that was measured. `request` and `expected` stand for lists of one.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any, Final, cast

import uvloop

_OK: Final = b"HTTP/1.1 200 "
_LENGTH: Final = b"content-length: "


class WrongAnswer(Exception):
    """An answer that is not the expected one."""


class Connection(asyncio.Protocol):
    """One connection; the latencies of its answers are in `latencies`, in seconds."""

    def __init__(
        self, requests: Sequence[bytes], bodies: Sequence[bytes] | None, start: int, ended: asyncio.Future[None]
    ) -> None:
        self.latencies: list[float] = []
        self.bodies: list[bytes] = []
        self.body = b""
        self.keeps = False
        self._requests = requests
        self._expected = bodies
        self._ended = ended
        self._at = start
        self._received = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody may hang up on us while we ask."""
        if self._transport is not None:
            self._fail("the connection was closed")

    def data_received(self, data: bytes) -> None:
        """Read an answer to its end, compare it, send the next request."""
        self._received = self._received + data if self._received else data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        if not head.startswith(_OK):
            self._fail(f"{head.splitlines()[0].decode('latin-1')}: {body[:200].decode('utf-8', 'replace')}")
            return
        if len(body) < _read_length(head):
            return
        self.latencies.append(time.perf_counter() - self._sent_at)
        self._received = b""
        if self._expected is not None and body != self._expected[self._at]:
            self._fail("an answer is not the expected one")
            return
        self._go_on(body)

    def stop(self) -> None:
        """Hang up."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def _go_on(self, body: bytes) -> None:
        self._at += 1
        self.body = body
        if self.keeps:
            self.bodies.append(body)
        if self._at == len(self._requests):
            self._at = 0
            if self.keeps:
                self.stop()
                self._ended.set_result(None)
        self._send()

    def _send(self) -> None:
        if self._transport is not None:
            self._sent_at = time.perf_counter()
            self._transport.write(self._requests[self._at])

    def _fail(self, why: str) -> None:
        self.stop()
        if not self._ended.done():
            self._ended.set_exception(WrongAnswer(why))


def _read_length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(_LENGTH) + len(_LENGTH)
    return int(lowered[start:].split(b"\r\n", 1)[0])


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
    latencies = sorted(latency for connection in connections for latency in connection.latencies)
    if not latencies:
        raise WrongAnswer("there was no answer")
    return {
        "requests": len(latencies),
        "per_second": len(latencies) / seconds,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
        "body": connections[0].body.decode(),
        "bodies": [body.decode() for connection in connections for body in connection.bodies],
    }


def main() -> int:
    """The exit code."""
    order = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(json.dumps(runner.run(load(order))))
    except (WrongAnswer, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
