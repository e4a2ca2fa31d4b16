"""Processes of a test that end with it, and that nobody waits for without end: neither the test nor what it reads."""

import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

_PATIENCE = 20.0


@contextmanager
def started(command: Any, *, seconds: float | None = 120.0, **options: Any) -> Generator[subprocess.Popen[Any]]:
    """A process, which is told to end when the block is over, and killed if it does not: as `Popen`'s own block, which
    would wait for it. After so many `seconds` it is killed, so that what it was to write is at its end."""
    process = subprocess.Popen(command, **options)
    last = None if seconds is None else threading.Timer(seconds, process.kill)
    if last is not None:
        last.daemon = True
        last.start()
    try:
        yield process
    finally:
        if last is not None:
            last.cancel()
        end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """Tell a process to end, and kill it if it does not; its pipes are closed."""
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_PATIENCE)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
