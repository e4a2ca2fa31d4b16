"""`python -m bench.page`: writes what was recorded into docs/performance.md. A test tells when it is due again."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.capacity import FULL, PLANS, Costs, plan
from bench.processes import describe_limit
from bench.records import RESULTS

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
_PART: Final = re.compile(r"(<!-- (\w+): written by python -m bench\.page -->\n).*?(<!-- end -->)", re.DOTALL)


def write_page(page: str) -> str:
    """The page with its written parts as the recorded results have them."""
    return _PART.sub(lambda found: f"{found[1]}\n{_WRITERS[found[2]]()}\n{found[3]}", page)


def _read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _write_figures() -> str:
    resolve, lists, writes, scale = (_read(name) for name in ("resolve", "lists", "writes", "scale"))
    memory, processes, start, freshness = (_read(name) for name in ("memory", "processes", "start", "freshness"))
    rows = [
        *_list_resolves(resolve),
        ("`ConfigList`, 100 rows: CPU", f"{lists['cpu_ratio']:.2f} × the hand-written endpoint's", "6, aim 1.5"),
        ("page 1,000 of a list beside page 1", _compare_pages(lists["pages"]), "the same"),
        ("10,000 mappings in one call", f"{writes['ratios']['upsertMappings, new']:.1f} × the bare inserts", "10"),
        (f"`resolve` among {scale['settings']['large']:,} configs, from memory: p50", _times(scale, "memory"), "1.3"),
        ("… uncached", _times(scale, "uncached"), "1.3"),
        ("… asked for the first time: PostgreSQL reads its pages from the disk", _times(scale, "first"), ""),
        (
            f"memory of a process, {memory['settings']['minutes']:g} minutes under load",
            f"{memory['most']:.0f} MiB at the most, {memory['growth']:+.1%} in the last quarter",
            "200 MB, flat",
        ),
        *((f"two processes, {name}", _two(processes[name]), "1.7 of free cores") for name in ("resolve", "list")),
        ("ready on an existing home", f"{start['seconds']:.1f} s", "3 s"),
        (
            "a write is seen on another process",
            f"after {freshness['spread']['p50_ms']:.1f} ms (p50), {freshness['spread']['p99_ms']:.1f} ms (p99)",
            "p99 50 ms",
        ),
        ("stale answers under the hammer", f"none of {freshness['answers']:,}", "none"),
    ]
    return _table(("what", "recorded", "promised"), rows)


def _list_resolves(resolve: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, found in resolve["medians"].items():
        figures, ratio = found["strongroom"], resolve["ratios"][name]["strongroom"]
        times = f"{figures['per_second']:,.0f} a second, p50 {figures['p50_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms"
        rows.append((f"`resolve`, {name}", f"{ratio:.1f} × the hand-written endpoint; {times}", "1.2, aim 2.0"))
    read = [f"{found['from PostgreSQL']:.2f}" for found in resolve["ratios"].values()]
    return [*rows, ("`resolve`, none from memory", f"{' and '.join(read)} × the hand-written endpoint", "")]


def _compare_pages(pages: Mapping[str, Any]) -> str:
    late, first = pages["page 1000"], pages["page 1"]
    return f"{late['buffers']} buffers beside {first['buffers']}, {late['ms']:.2f} ms beside {first['ms']:.2f}"


def _times(scale: Mapping[str, Any], name: str) -> str:
    figure = f"{name}_p50_ms"
    small, large = (found[figure] for found in scale["by_rows"].values())
    return f"{large / small:.2f} × as among 10,000 ({small:.2f} and {large:.2f} ms)"


def _two(found: Mapping[str, Any]) -> str:
    free = f"on free cores {found['ratio_on_free_cores']:.2f} ×"
    return f"{found['ratio']:.2f} × one; {describe_limit(found['two'])}; {free}"


def _write_costs() -> str:
    costs = Costs.of(_read("resolve"), _read("memory"))
    rows = [
        ("API, CPU", f"{costs.from_memory:.2f} ms", f"{costs.from_postgresql:.2f} ms"),
        ("PostgreSQL, CPU", "none", f"{costs.in_postgresql:.2f} ms"),
        (f"one API core at {FULL:.0%}", *map(_tell_rate, (costs.from_memory, costs.from_postgresql))),
        ("memory of an API process", f"{costs.idle:.0f} MiB idle, {costs.most:.0f} MiB at the most", "the same"),
    ]
    return _table(("", "a resolve from memory", "a resolve from PostgreSQL"), rows)


def _tell_rate(cost: float) -> str:
    return f"{int(FULL / cost * 10) * 100:,} a second"


def _write_plans() -> str:
    costs = Costs.of(_read("resolve"), _read("memory"))
    rows: list[tuple[str, ...]] = []
    for per_second, share in PLANS:
        made = plan(costs, per_second, share)
        needs = (f"{made.memory_gib:.1f} GiB", str(made.connections), str(made.database_cores))
        rows.append((f"{per_second:,}", f"{share:.0%}" if share else "none", str(made.processes), *needs))
    head = ("resolves a second", "from memory", f"API processes at {FULL:.0%} of a core", "their memory")
    return _table((*head, "connections, at most", f"PostgreSQL's cores at {FULL:.0%}"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


_WRITERS: Final = {"figures": _write_figures, "costs": _write_costs, "plans": _write_plans}

if __name__ == "__main__":
    PAGE.write_text(write_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
