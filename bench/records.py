"""Recorded results: one JSON file a bench in results/, with the machine that it ran on."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil

RESULTS: Final = Path(__file__).with_name("results")
_CPU_NAMES: Final = Path("/proc/cpuinfo")
_LOAD_BEFORE: Final = os.getloadavg()[0]
"""How busy the machine was when the bench began: what it was afterwards, the bench did itself."""


def describe_machine() -> dict[str, Any]:
    """What the figures depend on; nothing that names the machine."""
    return {
        "cpus": os.cpu_count(),
        "processor": _read_processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "load_before": round(_LOAD_BEFORE, 2),
    }


def record(name: str, what: str, settings: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    """Write results/NAME.json."""
    recorded = {
        "what": what,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "settings": dict(settings),
        **figures,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(_rounded(recorded), indent=1) + "\n", encoding="utf-8")
    print(f"recorded in bench/results/{path.name}")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def _read_processor() -> str:
    if not _CPU_NAMES.exists():
        return platform.processor()
    lines = _CPU_NAMES.read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
