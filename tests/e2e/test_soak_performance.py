"""The long runs of bench/, held to what is promised: `make soak`. What they measure is in the recorded result."""

from collections.abc import Callable

import pytest

from bench.memory import LIMIT, watch
from bench.scale import compare

Record = Callable[[str, object], None]

pytestmark = pytest.mark.soak


def test_resolving_among_ten_million_configs(record_property: Record) -> None:
    """Half of all resolves take at most 1.3 times as long among ten million configs as among ten thousand, from memory
    and uncached."""
    small, large = compare(10_000_000, 5, 4).values()
    for name in ("memory_p50_ms", "uncached_p50_ms"):
        record_property(f"small {name}", round(small[name], 3))
        record_property(f"large {name}", round(large[name], 3))
    assert large["memory_p50_ms"] <= 1.3 * small["memory_p50_ms"]
    assert large["uncached_p50_ms"] <= 1.3 * small["uncached_p50_ms"]


def test_memory_over_ten_minutes(record_property: Record) -> None:
    """Under load for ten minutes an API process holds less than 200 MB, and does not grow."""
    found = watch(600, 8)
    record_property("most_mib", round(found.most, 1))
    record_property("growth", round(found.growth, 4))
    record_property("resolves", found.resolves)
    assert found.most * 2**20 < LIMIT
    assert found.growth < 0.03
