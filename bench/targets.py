"""The servers that are compared: how each is asked, how it is loaded, and what an answer must be."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.stage import BenchError, Running, Stage, find_free_port, run_load
from bench.world import Question

_QUERY: Final = """query Resolve($integration: String!, $organizationId: ID!) {
  resolve(integration: $integration, organizationId: $organizationId) { entityId entityName config missing }
}"""
"""As the contract has it: shared by every SDK client."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and how a question is put to it."""

    name: str
    running: Running
    ask: Callable[[Question], str]
    stage: Stage

    def learn(self, questions: Sequence[Question]) -> list[str]:
        """The body that each question's answer must have from now on. BenchError if it is not the right one."""
        bodies: list[str] = self._load([self.ask(question) for question in questions], None, 1, None)["bodies"]
        for question, body in zip(questions, bodies, strict=True):
            told = json.loads(body)
            if (told["data"]["resolve"] if "data" in told else told) != question.answer:
                raise BenchError(f"{self.name} answers wrongly")
        return bodies

    def load(
        self, questions: Sequence[Question], bodies: Sequence[str], connections: int, seconds: float
    ) -> dict[str, float]:
        """Ask one question after the other for some seconds: what an answer took, and what it cost both sides."""
        before, database_before = self.running.cpu_seconds, self.stage.database_cpu_seconds
        told = self._load([self.ask(question) for question in questions], bodies, connections, seconds)
        spent, database_spent = self.running.cpu_seconds - before, self.stage.database_cpu_seconds - database_before
        return {
            "requests": told["requests"],
            "per_second": told["per_second"],
            "p50_ms": told["p50_ms"],
            "p99_ms": told["p99_ms"],
            "cpu_ms": spent * 1000 / told["requests"],
            "database_cpu_ms": database_spent * 1000 / told["requests"],
            "busy": spent / told["seconds"],
            "loader_busy": told["cpu_seconds"] / told["seconds"],
        }

    def _load(
        self, requests: Sequence[str], bodies: Sequence[str] | None, connections: int, seconds: float | None
    ) -> dict[str, Any]:
        order = {"port": self.running.port, "requests": requests, "bodies": bodies}
        order |= {"connections": connections, "seconds": seconds}
        try:
            return run_load(order)
        except BenchError as error:
            raise BenchError(f"{self.name}: {error}") from None


def open_targets(stage: Stage) -> tuple[Target, Target, Target]:
    """Strongroom, Strongroom without a memory, and the reference."""
    port = find_free_port()
    process = stage.spawn(["bench.forgetful"], {"STRONGROOM_PORT": str(port)})
    forgetful = stage.wait(process, port, "/readyz")
    port = find_free_port()
    reference = stage.wait(stage.spawn(["bench.reference", str(port)]), port, "/healthz")
    return (
        Target("strongroom", stage.serve(), ask_strongroom, stage),
        Target("from PostgreSQL", forgetful, ask_strongroom, stage),
        Target("reference", reference, ask_reference, stage),
    )


def ask_strongroom(question: Question) -> str:
    """The request that an SDK client sends."""
    variables = {"integration": question.integration, "organizationId": str(question.organization_id)}
    body = json.dumps({"query": _QUERY, "variables": variables})
    return (
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
        "Connection: keep-alive\r\nUser-Agent: bench\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {question.token}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


def ask_reference(question: Question) -> str:
    """The same question as the hand-written endpoint takes it."""
    return (
        f"GET /resolve/{question.integration}/{question.organization_id} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nUser-Agent: bench\r\n\r\n"
    )
