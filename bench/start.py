"""`python -m bench.start`: from `python -m db run` on a home that is there already until /readyz answers 200.

    python -m bench.start [--rounds 5] [--processes 1]

The first start, which makes the home, is told beside the later ones; the promise is three seconds for those.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from bench.records import record
from bench.stage import ROOT, BenchError, answers, find_free_port

_LIMIT = 60.0


def main() -> int:
    """The exit code: 1 if it does not start at all."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="sr-", dir="/tmp") as folder:
            first, *later = [_start(Path(folder), given.processes) for _ in range(given.rounds + 1)]
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    seconds, cpu = [taken for taken, _ in later], [cpu for _, cpu in later]
    print(f"ready after {median(seconds):.2f} s on a home that is there ({min(seconds):.2f} to {max(seconds):.2f}),")
    print(
        f"with {median(cpu):.2f} s of CPU in all processes; the first start, with a new database, took {first[0]:.2f} s"
    )
    figures = {"seconds": median(seconds), "cpu_seconds": median(cpu), "rounds": seconds, "first_start": first[0]}
    record("start", "make run on an existing home until /readyz is 200", vars(given), figures)
    return 0


def _start(home: Path, processes: int) -> tuple[float, float]:
    """Seconds until it is ready, and the processor time of all processes until then."""
    port = find_free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
    environ = {name: value for name, value in environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    environ |= {"STRONGROOM_HOME": str(home), "STRONGROOM_PORT": str(port)}
    environ |= {"STRONGROOM_API_PROCESSES": str(processes)}
    began = time.monotonic()
    command = [sys.executable, "-m", "db", "run"]
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)
    try:
        while not answers(port, "/readyz"):
            if process.poll() is not None or time.monotonic() - began > _LIMIT:
                raise BenchError("it does not start")
            time.sleep(0.02)
        return time.monotonic() - began, _cpu_seconds(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _cpu_seconds(pid: int) -> float:
    top = psutil.Process(pid)
    times = [process.cpu_times() for process in (top, *top.children(recursive=True))]
    return sum(time.user + time.system for time in times)


if __name__ == "__main__":
    sys.exit(main())
