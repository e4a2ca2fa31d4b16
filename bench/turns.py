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
from typing import Any, Final

from bench.wire import Asker, run_load, tell_latencies

_QUERY: Final = (
    "query Resolve($integration: String!, $organizationId: ID!) {"
    " resolve(integration: $integration, organizationId: $organizationId) { entityId config missing } }"
)

Question = tuple[bytes, list[bytes]]
"""A request and the texts of its answer."""


class Resolver(Asker):
    """Asks whatever question is next; all of them share the questions."""

    def __init__(self, questions: Iterator[Question], ended: asyncio.Future[None]) -> None:
        super().__init__(ended)
        self._questions = questions
        self._wanted: list[bytes] = []

    def ask(self) -> bytes | None:
        """The next request."""
        request, self._wanted = next(self._questions, (None, []))
        return request

    def judge(self, body: bytes) -> str | None:
        """Look for the texts that the answer must hold."""
        right = b'"errors"' not in body and all(text in body for text in self._wanted)
        return None if right else "a wrong answer"


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
    askers: list[Resolver] = []
    ends: list[asyncio.Future[None]] = []
    began = time.perf_counter()
    for _ in range(order["connections"]):
        end: asyncio.Future[None] = loop.create_future()
        _, asker = await loop.create_connection(lambda end=end: Resolver(source, end), "127.0.0.1", order["port"])
        askers.append(asker)
        ends.append(end)
    _, pending = await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    taken = time.perf_counter() - began
    for asker in askers:
        asker.stop()
    for end in ends:
        if end not in pending:
            end.result()
    return tell_latencies(askers, taken)


def main() -> int:
    """The exit code."""
    return run_load(load, sys.argv[1])


if __name__ == "__main__":
    sys.exit(main())
