"""`python -m bench`: `resolve` beside the same answer from a hand-written endpoint, on one database.

    python -m bench [--rounds 5] [--seconds 3] [--connections 16] [--organizations 1000]

    one organization     one application asks for the same config again and again
    many organizations   each connection goes through all of them, each with a token of its own
    keys                 what an answer costs the server, by the number of its keys; three of ten are secrets

`from PostgreSQL` is Strongroom as it is while its change feed is cut: nothing is answered from memory. Each server is
one process; the load comes from another. Rounds take turns; medians are told as a table and as JSON, recorded, plotted.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

from bench.chart import draw
from bench.records import RESULTS, record
from bench.stage import BenchError, Stage, complete, stage
from bench.targets import Target, open_targets
from bench.world import Question, make_world

_REFERENCE: Final = "reference"
_SHOWN: Final = ("p50_ms", "p99_ms", "cpu_ms")
_BUSY: Final = 0.9

Figures = dict[str, float]
Rounds = Mapping[str, Sequence[Figures]]


def main() -> int:
    """The exit code: 1 on any answer that is not 200 and right."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--organizations", type=int, default=1_000)
    given = parser.parse_args()
    try:
        with stage() as made:
            _run(made, given)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _run(made: Stage, given: argparse.Namespace) -> None:
    world = complete(make_world(made.database_url, made.root_keys, given.organizations))
    targets = open_targets(made)
    rounds: dict[str, Rounds] = {
        "one organization": _measure(targets, world.questions[:1], given, given.rounds),
        f"{len(world.questions)} organizations": _measure(targets, world.questions, given, given.rounds),
    }
    sizes = {size: _measure(targets, [question], given, 1) for size, question in world.sized.items()}
    figures = {name: _medians(found) for name, found in rounds.items()}
    costs = {size: _medians(found) for size, found in sizes.items()}
    for name, found in figures.items():
        _show(name, found)
    _show_costs(costs)
    ratios = {name: {target: _ratio(found, target) for target in found} for name, found in figures.items()}
    told = {"ratios": ratios, "medians": figures, "by_keys": costs, "rounds": rounds}
    print(json.dumps({"ratios": ratios, "medians": figures}))
    record("resolve", "resolve of ten keys, three of them secret; one process each", vars(given), told)
    _plot(costs)


def _measure(
    targets: Sequence[Target], questions: Sequence[Question], given: argparse.Namespace, rounds: int
) -> dict[str, list[Figures]]:
    bodies = {target.name: target.learn(questions) for target in targets}
    found: dict[str, list[Figures]] = {target.name: [] for target in targets}
    for _ in range(rounds):
        for target in targets:
            asked = target.load(questions, bodies[target.name], given.connections, given.seconds)
            found[target.name].append(asked)
    return found


def _medians(rounds: Rounds) -> dict[str, Figures]:
    return {
        name: {figure: median(one[figure] for one in found) for figure in found[0]} for name, found in rounds.items()
    }


def _ratio(found: Mapping[str, Figures], target: str) -> float:
    return found[target]["per_second"] / found[_REFERENCE]["per_second"]


def _show(name: str, found: Mapping[str, Figures]) -> None:
    print(f"\n{name:18}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'cpu ms':>10}{'ratio':>8}")
    for target, figures in found.items():
        times = "".join(f"{figures[figure]:10.3f}" for figure in _SHOWN)
        print(f"{target:18}{figures['per_second']:12.0f}{times}{_ratio(found, target):8.2f}{_limit(figures)}")


def _limit(figures: Figures) -> str:
    """What kept it from being more, where it was not the server's own core."""
    if figures["busy"] >= _BUSY:
        return ""
    limit = "the load generator" if figures["loader_busy"] >= _BUSY else "waiting, for PostgreSQL or for a core"
    return f"   (limited by {limit}: the server was busy for {figures['busy']:.0%})"


def _show_costs(costs: Mapping[int, Mapping[str, Figures]]) -> None:
    names = list(next(iter(costs.values())))
    print(f"\n{'cpu ms by keys':18}" + "".join(f"{name:>18}" for name in names))
    for size, found in costs.items():
        print(f"{size:<18}" + "".join(f"{found[name]['cpu_ms']:18.3f}" for name in names))


def _plot(costs: Mapping[int, Mapping[str, Figures]]) -> None:
    names = list(next(iter(costs.values())))
    lines = {name: [(size, found[name]["cpu_ms"]) for size, found in costs.items()] for name in names}
    draw(RESULTS / "resolve.svg", "What a resolve costs the server", "keys of the config", "CPU ms a request", lines)
    print("plotted in bench/results/resolve.svg")


if __name__ == "__main__":
    sys.exit(main())
