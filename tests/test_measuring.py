import sys
import threading
import types
import weakref
from typing import Any

import coverage
import greenlet
import pytest


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="only CPython 3.11 traces what runs in pending calls for ever")
def test_the_end_of_a_thread_runs_no_python() -> None:
    """What coverage is called back with when a thread's greenlet is gone is no function of Python's."""
    if coverage.Coverage.current() is None:
        pytest.skip("nothing is measured")
    found: list[Any] = []

    def look() -> None:
        found.extend(reference.__callback__ for reference in weakref.getweakrefs(greenlet.getcurrent()))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found
    assert [callback for callback in found if isinstance(callback, types.FunctionType)] == []
