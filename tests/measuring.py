"""Coverage beside threads that end, on CPython 3.11: without this it can stop a test for ever, signals and all.

greenlet clears up after a thread that has ended in a pending call of the main thread. Coverage, which has to know one
greenlet from another, keeps a weak reference to that thread's, and its callback is a function of Python's: CPython 3.11
traces it like any other. But before it traces the beginning of a function it does what is pending, and looks again; a
second pending call, as of a thread that ends at that very moment, can only be done when the first one is over. So it
looks for ever, and signal handlers, which are functions too, begin no more than that callback does.

Python 3.12 does not do so. Processes that tests start are not helped: few threads end in them.
"""

import sys
import weakref
from typing import Any

_PLAIN = weakref.WeakKeyDictionary.__init__


def spare_pending_calls() -> None:
    """From now on what coverage keeps of a thread's greenlets is forgotten without a line of Python."""
    if sys.version_info < (3, 12):
        weakref.WeakKeyDictionary.__init__ = _begin


def _begin(self: Any, dict: Any = None) -> None:
    _PLAIN(self, dict)
    # Coverage's own never iterates, which is what the callback in Python is there for.
    if sys._getframe(1).f_globals.get("__name__") == "coverage.collector":
        self._remove = self.data.__delitem__
