"""Reports: what the command line prints of a run. JSON lines for scripts, plain lines, or a bar in a terminal."""

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from db.models import BackfillStatus
from db.runs import RunRow

_LINE_EVERY: Final = 5.0
"""Seconds between two plain lines on a run whose status does not change."""


class Report(Protocol):
    """Told of a run again and again; prints what is new."""

    def tell(self, row: RunRow) -> None:
        """A run as it is now."""
        ...

    def say(self, text: str) -> None:
        """Something that is not about one run."""
        ...

    def close(self) -> None:
        """Nothing comes any more."""
        ...


def as_json(row: RunRow) -> dict[str, Any]:
    """A run with the names that the API has."""
    return {
        "id": str(row.id),
        "kind": row.kind.name,
        "status": row.status.name,
        "dryRun": row.dry_run,
        "total": row.total,
        "processed": row.processed,
        "changed": row.changed,
        "skipped": row.skipped,
        "quarantined": row.quarantined,
        "rowsPerSecond": row.rows_per_second,
        "secondsLeft": row.seconds_left,
        "throttledBy": row.throttled_by,
        "startedAt": _moment(row.started_at),
        "finishedAt": _moment(row.finished_at),
        "startedBy": row.started_by,
        "error": row.error,
        "organizationIds": None if row.organization_ids is None else [str(id) for id in row.organization_ids],
        "includeGlobal": row.include_global,
        "certificate": row.certificate,
    }


def as_line(row: RunRow) -> str:
    """A run in one line."""
    dry = " (dry run)" if row.dry_run else ""
    told = [f"{row.kind.name} {row.id}{dry}: {row.status.name}, {row.processed:,} of {row.total:,} rows"]
    told.append(f"{row.changed:,} changed, {row.skipped:,} skipped, {row.quarantined:,} quarantined")
    if row.rows_per_second is not None:
        told.append(f"{row.rows_per_second:,.0f} rows/s")
    if row.seconds_left is not None:
        told.append(f"about {in_words(row.seconds_left)} left")
    if row.throttled_by is not None:
        told.append(f"holding back: {row.throttled_by}")
    if row.certificate is not None:
        secrets, earlier = row.certificate["secretsOpened"], row.certificate["historyOpened"]
        told.append(f"{secrets:,} secrets and {earlier:,} earlier ones opened; the door is shut")
    if row.error is not None:
        told.append(f"error: {row.error}")
    return "; ".join(told)


def as_listed(row: RunRow) -> str:
    """A run in one line of a list: when it was started, in UTC, and how it is."""
    moment = "" if row.created_at is None else f"{row.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC  "
    return moment + as_line(row)


def in_words(seconds: int) -> str:
    """A length of time, to two places: `2 h 5 min`, `3 min 10 s`, `9 s`."""
    if seconds >= 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


class JsonLines:
    """One JSON object a line, whenever anything but the rate has changed."""

    def __init__(self) -> None:
        self._last: RunRow | None = None

    def tell(self, row: RunRow) -> None:
        """Print a run, if it is news."""
        still = replace(row, rows_per_second=None, seconds_left=None)
        if still != self._last:
            self._last = still
            print(json.dumps(as_json(row)), flush=True)

    def say(self, text: str) -> None:
        """Say something, beside the objects."""
        print(f"strongroom: {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is left to be done."""


class Lines:
    """A line every few seconds, and whenever the status changes."""

    def __init__(self) -> None:
        self._last: tuple[Any, BackfillStatus] | None = None
        self._due = 0.0

    def tell(self, row: RunRow) -> None:
        """Print a run, if it is time."""
        if (row.id, row.status) != self._last or time.monotonic() >= self._due:
            self._last, self._due = (row.id, row.status), time.monotonic() + _LINE_EVERY
            self.say(as_line(row))

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, flush=True)

    def close(self) -> None:
        """Nothing is left to be done."""


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
