"""A connection that asks: one request at a time over HTTP/1.1, each sent as soon as the answer before it is there."""

import asyncio
import json
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, cast

import uvloop

_OK: Final = b"HTTP/1.1 200 "
_LENGTH: Final = b"content-length: "


class WrongAnswer(Exception):
    """An answer that is not the expected one."""


class Asker(asyncio.Protocol):
    """One connection; the latencies of its answers are in `latencies`, in seconds. `ended` tells the first fault."""

    def __init__(self, ended: asyncio.Future[None]) -> None:
        self.latencies: list[float] = []
        self._ended = ended
        self._received = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    @abstractmethod
    def ask(self) -> bytes | None:
        """The next request; None if there is none left."""

    @abstractmethod
    def judge(self, body: bytes) -> str | None:
        """What is wrong with the answer to the last request; None if nothing is."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody may hang up on us while we ask."""
        if self._transport is not None:
            self._finish("the connection was closed")

    def data_received(self, data: bytes) -> None:
        """Read an answer to its end, judge it, send the next request."""
        self._received = self._received + data if self._received else data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        if not head.startswith(_OK):
            self._finish(f"{head.splitlines()[0].decode('latin-1')}: {body[:200].decode('utf-8', 'replace')}")
            return
        if len(body) < _read_length(head):
            return
        self.latencies.append(time.perf_counter() - self._sent_at)
        self._received = b""
        if (fault := self.judge(body)) is not None:
            self._finish(fault)
        else:
            self._send()

    def stop(self) -> None:
        """Hang up."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def _send(self) -> None:
        if self._transport is None:
            return
        request = self.ask()
        if request is None:
            self._finish(None)
        else:
            self._sent_at = time.perf_counter()
            self._transport.write(request)

    def _finish(self, fault: str | None) -> None:
        self.stop()
        if self._ended.done():
            return
        if fault is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(WrongAnswer(fault))


def _read_length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(_LENGTH) + len(_LENGTH)
    return int(lowered[start:].split(b"\r\n", 1)[0])


def run_load(load: Callable[[dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]], order: str) -> int:
    """Carry out an order, which is JSON, and print what came of it in one line; the exit code."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(json.dumps(runner.run(load(json.loads(order)))))
    except (WrongAnswer, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def tell_latencies(askers: Sequence[Asker], seconds: float) -> dict[str, float]:
    """How many answers came in so many seconds, and their latencies' percentiles in milliseconds."""
    latencies = sorted(latency for asker in askers for latency in asker.latencies)
    if not latencies:
        raise WrongAnswer("there was no answer")
    return {
        "requests": len(latencies),
        "per_second": len(latencies) / seconds,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
    }
