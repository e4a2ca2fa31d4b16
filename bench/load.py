"""The load generator: keep-alive connections that each send the next request as soon as they have their answer.

    python -m bench.load '{"port": …, "request": …, "expected": …, "connections": …, "seconds": …}'

It fails on the first answer that is not 200 or not the expected body, byte for byte. Its result is one line of JSON.
"""

import asyncio
import json
import sys
import time
from typing import Any, Final, cast

import uvloop

_OK: Final = b"HTTP/1.1 200 "
_LENGTH: Final = b"content-length: "


class WrongAnswer(Exception):
    """An answer that is not the expected one."""


class Connection(asyncio.Protocol):
    """One connection; the latencies of its answers are in `latencies`, in seconds."""

    def __init__(self, request: bytes, expected: bytes | None, failed: asyncio.Future[None]) -> None:
        self.latencies: list[float] = []
        self.body = b""
        self._request = request
        self._expected = expected
        self._failed = failed
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
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        if not head.startswith(_OK):
            self._fail(f"{head.splitlines()[0].decode('latin-1')}: {body[:200].decode('utf-8', 'replace')}")
            return
        if len(body) < _read_length(head):
            return
        self.latencies.append(time.perf_counter() - self._sent_at)
        self.body, self._received = body, b""
        if self._expected is not None and body != self._expected:
            self._fail("an answer is not the expected one")
        elif self._transport is not None:
            self._send()

    def stop(self) -> None:
        """Hang up."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def _send(self) -> None:
        if self._transport is not None:
            self._sent_at = time.perf_counter()
            self._transport.write(self._request)

    def _fail(self, why: str) -> None:
        self.stop()
        if not self._failed.done():
            self._failed.set_exception(WrongAnswer(why))


def _read_length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(_LENGTH) + len(_LENGTH)
    return int(lowered[start:].split(b"\r\n", 1)[0])


async def load(order: dict[str, Any]) -> dict[str, Any]:
    """Load one server for some seconds: how many answers, and their latencies' percentiles in milliseconds."""
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    request: bytes = order["request"].encode()
    expected: bytes | None = None if order["expected"] is None else order["expected"].encode()
    connections: list[Connection] = []
    began = time.perf_counter()
    for _ in range(order["connections"]):
        _, connection = await loop.create_connection(
            lambda: Connection(request, expected, failed), "127.0.0.1", order["port"]
        )
        connections.append(connection)
    await asyncio.wait([failed], timeout=order["seconds"])
    for connection in connections:
        connection.stop()
    seconds = time.perf_counter() - began
    if failed.done():
        failed.result()
    latencies = sorted(latency for connection in connections for latency in connection.latencies)
    return {
        "requests": len(latencies),
        "per_second": len(latencies) / seconds,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
        "body": connections[0].body.decode(),
    }


def main() -> int:
    """The exit code."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(json.dumps(runner.run(load(json.loads(sys.argv[1])))))
    except (WrongAnswer, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
