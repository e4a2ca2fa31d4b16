"""Limits of time that hold on a busy machine too, and are strict on one that has nothing else to do.

within      `with within(2): …` fails unless the block was done in two seconds of an idle machine
allowed     how long what takes so many seconds on an idle machine may take here and now
"""

import hashlib
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Self

_BURST_SECONDS = 0.03
_NAP_SECONDS = 0.02
_CHUNK = bytes(100_000)


@contextmanager
def within(seconds: float) -> Generator[None]:
    """Fails unless the block is done in time. What the block waits for, it waits for with more patience than that.

    A block that is late is allowed for what is measured at that very moment: how much longer than its CPU time a piece
    of work takes while others compute too, and how long nothing of this process ran at all.
    """
    began = time.monotonic()
    with _Watch(seconds) as watch:
        yield
        took = time.monotonic() - began
    limit = seconds * watch.stretch + watch.gaps
    assert took <= limit, f"took {took:.2f} s; {seconds} s are allowed, which are {limit:.2f} s here and now"


def allowed(seconds: float) -> float:
    """So many seconds of an idle machine, on this one as busy as it is."""
    return seconds * _measure_stretch()


def _measure_stretch() -> float:
    """How many times its CPU time a piece of work takes."""
    began, computed = time.monotonic(), time.thread_time()
    while time.thread_time() - computed < _BURST_SECONDS:
        hashlib.sha256(_CHUNK).digest()
    return max(1.0, (time.monotonic() - began) / (time.thread_time() - computed))


class _Watch:
    """Looks at the machine from a thread of its own: at what naps take, and once time is over, at what work takes."""

    def __init__(self, seconds: float) -> None:
        self.gaps = 0.0
        self.stretch = 1.0
        self._end = time.monotonic() + seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        began = time.monotonic()
        while not self._over.wait(_NAP_SECONDS):
            self.gaps += max(0.0, time.monotonic() - began - 2 * _NAP_SECONDS)
            if time.monotonic() > self._end:
                self.stretch = max(self.stretch, _measure_stretch())
            began = time.monotonic()
