"""The benches: a wrong answer ends them, and what they recorded is what docs/performance.md tells."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bench import memory as memory_bench
from bench import scale as scale_bench
from bench.capacity import CONNECTIONS, FULL, Costs, plan
from bench.page import PAGE, write_page
from bench.records import RESULTS
from bench.stage import ROOT

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Any]]:
    """Starts a server that gives these answers in turn, the last one again and again; its port."""
    servers: list[asyncio.Server] = []

    async def start(*answers: bytes) -> int:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            left = list(answers)
            while await reader.readuntil(b"\r\n\r\n"):
                answer = left.pop(0) if len(left) > 1 else left[0]
                if not answer:
                    break
                writer.write(answer)
            writer.close()

        servers.append(await asyncio.start_server(talk, "127.0.0.1", 0))
        return servers[-1].sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()


async def load(port: int, **order: Any) -> tuple[int, str, str]:
    """The load generator's exit code, and what it said."""
    order = {"port": port, "request": "GET / HTTP/1.1\r\n\r\n", "connections": 1, "seconds": 0.4} | order
    command = [sys.executable, "-m", "bench.load", json.dumps(order)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE)
    told, said = await process.communicate()
    return process.returncode or 0, told.decode(), said.decode()


async def test_the_load_generator_counts_right_answers(serve: Callable[..., Any]) -> None:
    """While every answer is the expected one it goes on, and tells how many there were and what they took."""
    code, told, _ = await load(await serve(OK + b"good"), expected="good", connections=2)
    found = json.loads(told)
    assert code == 0
    assert found["requests"] > 10
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert found["cpu_seconds"] > 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OK + b"evil", "an answer is not the expected one"),
        (b"HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\ngood", "HTTP/1.1 500 Oh"),
        (b"HTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 204 No"),
        (b"", "the connection was closed"),
    ],
    ids=["a wrong body", "a fault of the server", "another status", "no answer"],
)
async def test_one_wrong_answer_ends_a_bench(serve: Callable[..., Any], fault: bytes, said: str) -> None:
    """After twenty right answers a single wrong one, or one that is not 200, fails the run."""
    port = await serve(*[OK + b"good"] * 20, fault, OK + b"good")
    code, told, complaint = await load(port, expected="good")
    assert (code, told) == (1, "")
    assert said in complaint


def test_what_was_recorded_keeps_the_promises() -> None:
    """The results that are committed hold what is promised; a run that does not is not one to commit."""
    for found in read("resolve")["ratios"].values():
        assert found["strongroom"] >= 1.2
    lists, scale, memory = read("lists"), read("scale"), read("memory")
    assert lists["cpu_ratio"] <= 6
    assert lists["pages"]["page 1000"]["buffers"] <= lists["pages"]["page 1"]["buffers"]
    assert max(read("writes")["ratios"].values()) <= 10
    assert scale["settings"]["large"] >= scale_bench.PROMISED
    assert max(scale["ratios"].values()) <= 1.3
    assert memory["settings"]["minutes"] >= memory_bench.PROMISED
    assert memory["most"] * 2**20 < memory_bench.LIMIT
    assert memory["growth"] < 0.03
    resolve, listing = (read("processes")[name] for name in ("resolve", "list"))
    # What is promised is 1.7, as far as the load generator leaves them the cores: of two it needs a good part itself.
    assert resolve["ratio"] >= 1.7 * (2 - resolve["two"]["loader_busy"]) / 2
    assert listing["ratio"] >= 1.7
    assert read("start")["seconds"] < 3
    assert read("freshness")["spread"]["p99_ms"] < 50


def read(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text())


def test_the_page_tells_what_was_recorded() -> None:
    """docs/performance.md has the figures of bench/results: `python -m bench.page` writes them."""
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("written by python -m bench.page") == 3
    assert page == write_page(page)


def test_the_capacity_model() -> None:
    """Processes, memory, connections and PostgreSQL's cores follow from what one resolve costs."""
    costs = Costs(from_memory=0.06, from_postgresql=0.3, in_postgresql=0.24, idle=100, most=160)
    made = plan(costs, 10_000, 0.9)
    assert made.processes == 2  # 10,000 × (0.9 × 0.06 + 0.1 × 0.3) ms are 0.84 s of CPU: 1.4 cores at 60 %.
    assert made.memory_gib == pytest.approx(0.3125)
    assert made.connections == 2 * CONNECTIONS
    assert made.database_cores == 1
    assert plan(costs, 100_000, 0.95).processes == round(100_000 * 0.072 / 1000 / FULL)


def test_connections_are_those_of_the_page() -> None:
    """The plans count with as many connections as the page says that a process opens."""
    assert f"An API process opens {CONNECTIONS} at most" in Path(PAGE).read_text(encoding="utf-8")
