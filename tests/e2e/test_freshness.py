"""A stale answer is a defect: processes, writers of every kind, and readers that know what may be seen."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.freshness.__main__ import hammer
from bench.freshness.cuttable import Cuttable
from bench.freshness.hammer import Hammer
from bench.freshness.history import History, Stale
from tests.e2e.processes import ADMIN, StartApi
from tests.timing import allowed


async def test_no_answer_is_stale(start_api: StartApi, database_url: str, tmp_path: Path) -> None:
    """Two processes and every kind of write, older software's too; tokens end; the feed is cut, half open and late:
    no resolve gives what was before a write that its own process has answered, nor, a second after that, what was
    before anybody's; and no token that has ended resolves."""
    async with Cuttable(database_url, tmp_path).open() as way:
        # In a thread: while they start, the way is to carry what they ask.
        apis = [await asyncio.to_thread(start_api, DATABASE_URL=url) for url in (database_url, way.url)]
        ports = [api.port for api in apis]
        struck = await Hammer(database_url, ports, ADMIN, way).strike(6, places=2)
    assert struck.answers > 200
    assert struck.from_memory > 0.2, "what is not answered from memory cannot be stale"
    assert sum(struck.writes.values()) > 5
    assert struck.tokens_ended > 0
    assert len(struck.feed_failures) > 1


@pytest.mark.soak
def test_the_hammer(record_property: Callable[[str, object], None]) -> None:
    """The same with three processes, a worker that seals and rotates, and for two minutes; and half of all writes are
    seen elsewhere at once, all but one in a hundred within 50 milliseconds."""
    waits, struck = hammer(120, 3, 500)
    p99 = waits[len(waits) * 99 // 100]
    record_property("seen elsewhere, p99 ms", round(p99 * 1000, 1))
    record_property("answers", struck.answers)
    record_property("from memory", round(struck.from_memory, 2))
    record_property("writes", struck.writes)
    record_property("tokens ended", struck.tokens_ended)
    record_property("feed failures", struck.feed_failures)
    assert p99 < allowed(0.05)
    assert struck.runs > 0


@pytest.mark.parametrize(("process", "age", "stale"), [(0, 0.0, True), (1, 0.9, False), (1, 1.1, True)])
def test_what_the_hammer_takes_for_stale(process: int, age: float, stale: bool) -> None:
    """The process that has answered a write must not give what was before; another one may, for a second."""
    history = History("before")
    state = history.begin("after", 0)
    assert history.find_floor(process) == 0
    state.answered = history.states[0].answered - age
    floor = history.find_floor(process)
    history.judge(floor, "after", process)
    assert (floor == 1) is stale
    if stale:
        with pytest.raises(Stale, match="state 0 of 2, 1 is the oldest"):
            history.judge(floor, "before", process)
    with pytest.raises(Stale, match="no state at all"):
        history.judge(0, "never", process)
