"""Limits of time that hold on a busy machine too, and are strict on one that has nothing else to do.

within      `with within(2): …` fails unless the block was done in two seconds of a machine like this one is when idle
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

    Two things are allowed for, and both are measured at the same time: how much longer than its CPU time a piece of
    work takes here now, since others compute too; and how long nothing of this process ran at all.
    """
    stretch = _measure_stretch()
    with _Gaps() as gaps:
        began = time.monotonic()
        yield
        took = time.monotonic() - began
    if took > seconds:
        stretch = max(stretch, _measure_stretch())
    allowed = seconds * stretch + gaps.seconds
    assert took <= allowed, f"took {took:.2f} s, allowed are {seconds} s, here and now {allowed:.2f} s"


def _measure_stretch() -> float:
    """How many times its CPU time a piece of work takes."""
    began, computed = time.monotonic(), time.thread_time()
    while time.thread_time() - computed < _BURST_SECONDS:
        hashlib.sha256(_CHUNK).digest()
    return max(1.0, (time.monotonic() - began) / (time.thread_time() - computed))


class _Gaps:
    """How many seconds short naps took that they should not have taken."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._nap, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _nap(self) -> None:
        began = time.monotonic()
        while not self._over.wait(_NAP_SECONDS):
            self.seconds += max(0.0, time.monotonic() - began - 2 * _NAP_SECONDS)
            began = time.monotonic()
