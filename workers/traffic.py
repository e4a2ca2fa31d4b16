"""Traffic: what others ask of the service meanwhile, as far as the audit log tells.

It has every write and every resolve of a secret within a second; lists are not in it.
"""

import time
from typing import Final

from sqlalchemy import text

from db.sessions import Database

HEAVY: Final = 10.0
"""Requests a second from which on somebody may be waiting for answers."""

_WINDOW: Final = 3
"""Seconds that are looked back."""

_LOOKS_EVERY: Final = 1.0


class Traffic:
    """Looked at once a second, at most."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._due = 0.0
        self._heavy = False

    async def is_heavy(self) -> bool:
        """Whether others ask for more than a little."""
        if time.monotonic() >= self._due:
            async with self._database.read() as session:
                count = await session.scalar(_RECENT, {"seconds": _WINDOW})
            self._heavy = count > HEAVY * _WINDOW
            self._due = time.monotonic() + _LOOKS_EVERY
        return self._heavy


_RECENT = text("""
SELECT CAST(coalesce(sum(times), 0) AS bigint) FROM audit_log
WHERE at > clock_timestamp() - make_interval(secs => :seconds) AND action NOT LIKE 'backfill.%'
""")
