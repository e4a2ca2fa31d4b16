"""`python -m bench.soak`: the tests marked `soak`, which are too long for `make test`, with a recorded result.

Arguments are pytest's. With any, the record keeps what it says of the tests that did not run.
"""

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

ROOT: Final = Path(__file__).resolve().parent.parent
RESULT: Final = Path(__file__).with_name("results") / "soak.json"


def main() -> int:
    """The exit code of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # The newer form of the report has no place for a test's figures.
        report_options = [f"--junitxml={report}", "-o", "junit_family=xunit1"]
        command = [sys.executable, "-m", "pytest", "-m", "soak", "-v", *report_options, *sys.argv[1:]]
        code = _run(command)
        tests = _read(report) if report.exists() else []
    if tests:
        _record(tests)
    return code


def _run(command: Sequence[str]) -> int:
    """Run pytest; a signal to stop goes to it, so that it ends what it has started."""
    process = subprocess.Popen(command, cwd=ROOT)
    signal.signal(signal.SIGTERM, lambda _number, _frame: process.send_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # A terminal's reaches pytest by itself.
    return process.wait()


def _read(report: Path) -> list[dict[str, Any]]:
    cases = ElementTree.parse(report).getroot().iter("testcase")  # noqa: S314 - pytest's own, just written
    return [
        {
            "test": f"{case.get('classname')}::{case.get('name')}",
            "seconds": float(case.get("time", "0")),
            "outcome": next((child.tag for child in case if child.tag in _BAD), "passed"),
            "figures": {entry.get("name"): entry.get("value") for entry in case.iter("property")},
        }
        for case in cases
    ]


def _record(tests: list[dict[str, Any]]) -> None:
    ran = {test["test"] for test in tests}
    known: list[dict[str, Any]] = json.loads(RESULT.read_text())["tests"] if sys.argv[1:] and RESULT.exists() else []
    kept = [test for test in known if test["test"] not in ran]
    recorded = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "system": platform.system(), "python": platform.python_version()},
        "tests": sorted([*kept, *tests], key=lambda test: test["test"]),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(recorded, indent=1) + "\n")
    print(f"recorded in {RESULT.relative_to(ROOT)}")


_BAD: Final = ("failure", "error", "skipped")

if __name__ == "__main__":
    sys.exit(main())
