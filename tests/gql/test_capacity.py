"""What docs/performance.md tells operators to plan with is what a process takes."""

import re
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"


async def test_connections_of_an_api_process(api: Any) -> None:
    """An API process opens as many connections as the document says: its pools, and the one of the change feed."""
    told = re.search(r"opens (\d+) at most: (\d+) for resolves, (\d+) for lists, (\d+) for", DOCUMENT.read_text())
    assert told is not None
    most, resolves, lists, others = map(int, told.groups())
    assert most == resolves + lists + others + 1
    database = api.service.database
    assert database.engine.pool.size() == others
    assert (await database.pool())._pool.get_max_size() == lists
    assert api.service.resolver.pool._pool.get_max_size() == resolves
