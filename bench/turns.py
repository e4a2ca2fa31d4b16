"""The load generator for many different resolves: each connection sends the next one as soon as it has its answer.

    python -m bench.turns '{"port": …, "token": …, "asks": FILE, "connections": …, "seconds": …}'

`asks` has one question a line, with texts that its answer must hold. Without `seconds` each is asked once; with them
they are asked in turn until the time is over. It fails on the first answer that is not 200 or lacks a text.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any, Final, cast

import uvloop

from bench.load import WrongAnswer

_QUERY: Final = (
    "query Resolve($integration: String!, $organizationId: ID!) {"
    " resolve(integration: $integration, organizationId: $organizationId) { entityId config missing } }"
)
_LENGTH: Final = b"content-length: "

Question = tuple[bytes, list[bytes]]
"""A request and the texts of its answer."""


class Asker(asyncio.Protocol):
    """One connection; the latencies of its answers are in `latencies`, in seconds."""

    def __init__(self, questions: Iterator[Question], done: asyncio.Future[None]) -> None:
        self.latencies: list[float] = []
        self._questions = questions
        self._done = done
        self._wanted: list[bytes] = []
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
            self._finish(WrongAnswer("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        """Read an answer to its end, look at it, send the next request."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        lowered = head.lower()
        if not separator or len(body) < int(lowered.partition(_LENGTH)[2].split(b"\r\n", 1)[0]):
            return
        self.latencies.append(time.perf_counter() - self._sent_at)
        self._received = b""
        if head.startswith(b"HTTP/1.1 200 ") and b'"errors"' not in body and all(text in body for text in self._wanted):
            self._send()
        else:
            self._finish(WrongAnswer(f"a wrong answer: {head.splitlines()[0].decode('latin-1')}"))

    def stop(self) -> None:
        """Hang up."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def _send(self) -> None:
        question = next(self._questions, None)
        if question is None:
            self._finish(None)
        elif self._transport is not None:
            request, self._wanted = question
            self._sent_at = time.perf_counter()
            self._transport.write(request)

    def _finish(self, error: Exception | None) -> None:
        self.stop()
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)


def _read(order: dict[str, Any]) -> list[Question]:
    questions: list[Question] = []
    for line in Path(order["asks"]).read_text(encoding="utf-8").splitlines():
        ask = json.loads(line)
        variables = {"integration": ask["integration"], "organizationId": ask["organization"]}
        body = json.dumps({"query": _QUERY, "variables": variables})
        request = (
            "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {order['token']}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        )
        questions.append((request.encode(), [text.encode() for text in ask["wanted"]]))
    return questions


async def load(order: dict[str, Any]) -> dict[str, Any]:
    """How many answers came, and their latencies' percentiles in milliseconds."""
    loop = asyncio.get_running_loop()
    questions = _read(order)
    seconds: float | None = order.get("seconds")
    source = iter(questions) if seconds is None else cycle(questions)
    askers: list[Asker] = []
    ends: list[asyncio.Future[None]] = []
    began = time.perf_counter()
    for _ in range(order["connections"]):
        end: asyncio.Future[None] = loop.create_future()
        _, asker = await loop.create_connection(lambda end=end: Asker(source, end), "127.0.0.1", order["port"])
        askers.append(asker)
        ends.append(end)
    _, pending = await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    taken = time.perf_counter() - began
    for asker in askers:
        asker.stop()
    for end in ends:
        if end not in pending:
            end.result()
    latencies = sorted(latency for asker in askers for latency in asker.latencies)
    return {
        "requests": len(latencies),
        "per_second": len(latencies) / taken,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
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
