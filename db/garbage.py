"""Python's garbage collector in a process that serves or works: what its start made is there for good."""

import gc
from typing import Final

_COLLECTED_AFTER: Final = (20_000, 20, 20)
"""Objects made, and collections of the young, before the collector looks at older ones: neither a request nor a row of
a backfill leaves cycles behind, and each look at everything is a pause of all that the process does."""


def settle() -> None:
    """To be called when start-up is over: what it made need not be looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)
