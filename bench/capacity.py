"""How much an operator has to provide for so many resolves a second, reckoned from the recorded results."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

CONNECTIONS: Final = 47
"""PostgreSQL's connections that an API process opens, at most (tests/gql/test_capacity.py counts them)."""

FULL: Final = 0.6
"""The part of a core that is planned to be used; the rest is for peaks, and for the garbage collector's pauses."""

PLANS: Final = ((1_000, 0.0), (10_000, 0.0), (10_000, 0.9), (100_000, 0.95))
"""Resolves a second, and the part of them that is answered from memory."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds of CPU that a resolve takes, and MiB that a process holds."""

    from_memory: float
    from_postgresql: float
    in_postgresql: float
    idle: float
    most: float

    @classmethod
    def of(cls, resolve: Mapping[str, Any], memory: Mapping[str, Any]) -> "Costs":
        """From the records of bench and bench.memory: of the round with many organizations, which is the dearer one."""
        *_, many = resolve["medians"].values()
        kept, read = many["strongroom"], many["from PostgreSQL"]
        return cls(kept["cpu_ms"], read["cpu_ms"], read["database_cpu_ms"], memory["idle"], memory["most"])


@dataclass(frozen=True, slots=True)
class Plan:
    """What so many resolves a second need."""

    per_second: int
    from_memory: float
    processes: int
    memory_gib: float
    connections: int
    database_cores: int


def plan(costs: Costs, per_second: int, from_memory: float) -> Plan:
    """What is needed when this part of the resolves comes from memory."""
    cost = costs.from_memory * from_memory + costs.from_postgresql * (1 - from_memory)
    processes = _round_up(per_second * cost / 1000 / FULL)
    database = _round_up(per_second * (1 - from_memory) * costs.in_postgresql / 1000 / FULL)
    memory = processes * costs.most / 1024
    return Plan(per_second, from_memory, processes, memory, processes * CONNECTIONS, database)


def _round_up(cores: float) -> int:
    """As many as there must be; what is a hair over is floating point's."""
    return math.ceil(cores - 1e-9)
